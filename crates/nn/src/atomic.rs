//! Atomic replacement of a file, and the error of one that cannot be read.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Writes a temporary file in the same folder, and renames it to `path` once it is on the disk. The new file takes the permissions
/// of an existing one, and symbolic links are followed. Temporary files of killed processes are removed.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let path = &followed(path)?;
    if path.file_name().is_none() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the path has no file name"));
    }
    let folder = folder(path);
    sweep(folder);
    let (temporary, mut file) = temporary(folder)?;
    let permissions = match (fs::metadata(path), file.metadata()) {
        (Ok(old), Ok(new)) if old.permissions() != new.permissions() => file.set_permissions(old.permissions()),
        _ => Ok(()), // not every file system supports them
    };
    let written = permissions.and_then(|()| file.write_all(bytes)).and_then(|()| file.sync_all());
    let renamed = written.and_then(|()| fs::rename(&temporary, path));
    drop(file);
    match renamed {
        // The rename is durable once the folder is synced; not every system supports this.
        Ok(()) => drop(File::open(folder).and_then(|folder| folder.sync_all())),
        Err(_) => drop(fs::remove_file(&temporary)),
    }
    renamed
}

/// Which file cannot be read, why, and what to do.
pub(crate) fn cannot_read(file: &str, source: &io::Error) -> String {
    match source.kind() {
        io::ErrorKind::NotFound => {
            format!("{file}: file not found; check the path (a relative one starts at the working directory)")
        }
        _ => format!("{file}: cannot be read: {source}; check that it is a file you may read"),
    }
}

/// Whether a file with this name can be written, tested with a temporary file in its folder.
#[cfg(feature = "save")]
pub(crate) fn attempt(path: &Path) -> io::Result<()> {
    let path = followed(path)?;
    if path.is_dir() {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder"));
    }
    let (temporary, _locked) = temporary(folder(&path))?;
    fs::remove_file(temporary)
}

/// The file to which a path leads through symbolic links, whether it exists or not.
fn followed(path: &Path) -> io::Result<PathBuf> {
    const LINKS: usize = 40; // the limit of Linux
    let mut path = path.to_owned();
    for _ in 0..LINKS {
        match fs::read_link(&path) {
            Ok(to) => path = path.parent().unwrap_or(Path::new("")).join(to),
            Err(_) => return Ok(path),
        }
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, "symbolic links that lead in a circle"))
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."))
}

const NAME: (&str, &str) = (".tape-nn.", ".tmp");

/// A new file with a unique name, which is locked until it is closed.
fn temporary(folder: &Path) -> io::Result<(PathBuf, File)> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    loop {
        let (number, (start, end)) = (NEXT.fetch_add(1, Ordering::Relaxed), NAME);
        let path = folder.join(format!("{start}{}.{number}{end}", std::process::id()));
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
            Err(error) => return Err(error),
            Ok(file) => {
                let _ = file.lock(); // without locks no files are removed
                if path.exists() {
                    return Ok((path, file));
                } // otherwise another process removed it before it was locked
            }
        }
    }
}

/// Removes the temporary files of processes that have ended: their locks are free.
fn sweep(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let (name, path) = (entry.file_name(), entry.path());
        let ours = name.to_str().is_some_and(|name| name.starts_with(NAME.0) && name.ends_with(NAME.1));
        // The lock is held until the file is removed: a process that creates it waits for the lock, and then takes another name.
        if ours
            && let Ok(file) = File::open(&path)
            && file.try_lock().is_ok()
        {
            let _ = fs::remove_file(path);
        }
    }
}
