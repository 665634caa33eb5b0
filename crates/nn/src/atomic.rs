//! Replacing a file as a whole.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Writes a temporary file in the same folder, and gives it the name `path` once it is on the disk. A file that was there
/// leaves its permissions to the new one, and a link leads to the new one. What others were killed at is removed.
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
        _ => Ok(()), // not every file system lets them be set
    };
    let written = permissions.and_then(|()| file.write_all(bytes)).and_then(|()| file.sync_all());
    let renamed = written.and_then(|()| fs::rename(&temporary, path));
    drop(file);
    match renamed {
        // The new name is on the disk once its folder is; not every system can be asked for that.
        Ok(()) => drop(File::open(folder).and_then(|folder| folder.sync_all())),
        Err(_) => drop(fs::remove_file(&temporary)),
    }
    renamed
}

/// Whether a file of this name can be written, tried by a temporary file in its folder.
#[cfg(feature = "save")]
pub(crate) fn attempt(path: &Path) -> io::Result<()> {
    let path = followed(path)?;
    if path.is_dir() {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder"));
    }
    let (temporary, _locked) = temporary(folder(&path))?;
    fs::remove_file(temporary)
}

/// The file that a path leads to, by symbolic links, whether it exists or not.
fn followed(path: &Path) -> io::Result<PathBuf> {
    const LINKS: usize = 40; // as Linux follows
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

/// A new file, with a name that nobody else has, which is locked until it is closed.
fn temporary(folder: &Path) -> io::Result<(PathBuf, File)> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    loop {
        let (number, (start, end)) = (NEXT.fetch_add(1, Ordering::Relaxed), NAME);
        let path = folder.join(format!("{start}{}.{number}{end}", std::process::id()));
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
            Err(error) => return Err(error),
            Ok(file) => {
                let _ = file.lock(); // where there are no locks nothing is swept
                if path.exists() {
                    return Ok((path, file));
                } // else somebody swept it before it was locked
            }
        }
    }
}

/// Removes the temporary files of processes that have ended: their locks are free.
fn sweep(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let (name, path) = (entry.file_name(), entry.path());
        let ours = name.to_str().is_some_and(|name| name.starts_with(NAME.0) && name.ends_with(NAME.1));
        // The lock is held until the file is removed: who creates it waits for the lock, and then takes another name.
        if ours
            && let Ok(file) = File::open(&path)
            && file.try_lock().is_ok()
        {
            let _ = fs::remove_file(path);
        }
    }
}
