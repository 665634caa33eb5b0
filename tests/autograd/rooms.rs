//! The folders of a crate are rooms, and doors between rooms go one way: a room imports only from those before it.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use autograd::{Matrix, Tape};

/// From the bottom up. ARCHITECTURE.md says what each room contains.
const KERNEL: &[&str] = &[
    "split_mix",
    "float",
    "matrix",
    "pool",
    "simd",
    "threads",
    "columns",
    "transpose",
    "blocks",
    "along",
    "cross_entropy",
    "table",
];
const AUTOGRAD: &[&str] = &[
    "rule",
    "tape",
    "ops",
    "sweep",
    "extend",
    "functional",
    "scalar",
    "inspect",
    "replay",
    "minimize",
    "check",
    "strategies",
    "book",
];
const NN: &[&str] = &[
    "atomic",
    "setting",
    "nearest",
    "module",
    "check",
    "weights",
    "loss",
    "metrics",
    "data",
    "gradients",
    "plot",
    "init",
    "optim",
    "planned",
    "parallel",
    "layer",
    "least_squares",
    "schedule",
    "ema",
    "diagnose",
    "persist",
    "onnx",
    "regions",
    "tensorboard",
    "ranks",
    "train",
    "estimator",
    "pipeline",
    "prelude",
    "lecture",
    "guide",
    "coming_from",
];
const SOLVE: &[&str] =
    &["enclosure", "sparse", "residuals", "least_squares", "objective", "minimize", "implicit", "ode"];

#[test]
fn doors_go_one_way() {
    for (name, rooms) in [("kernel", KERNEL), ("autograd", AUTOGRAD), ("nn", NN), ("solve", SOLVE)] {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates").join(name).join("src");
        let reexports = reexports(&fs::read_to_string(source.join("lib.rs")).unwrap());
        let mut wrong = Vec::new();
        for entry in fs::read_dir(&source).unwrap() {
            let path = entry.unwrap().path();
            let room = path.file_stem().unwrap().to_str().unwrap();
            if room == "lib" {
                continue;
            }
            let place = |room: &str| rooms.iter().position(|known| *known == room);
            let own = place(room).unwrap_or_else(|| panic!("{name}: the room {room} has no place in the order"));
            each_file(&path, &mut |file, text| {
                for imported in imports(&code(text)) {
                    let from = reexports.get(imported.as_str()).map_or(imported.as_str(), String::as_str);
                    if place(from).is_some_and(|from| from > own) {
                        wrong.push(format!(
                            "{}: {room} imports {imported} from {from}, which is above it",
                            file.display()
                        ));
                    }
                }
            });
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}

/// The code without comments and unit tests, because links and test imports do not count.
fn code(text: &str) -> String {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// The first name of every path that begins with `crate::`.
fn imports(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in text.split("crate::").skip(1).filter(|line| !line.is_empty()) {
        let first =
            |path: &str| path.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
        match line.strip_prefix('{') {
            Some(list) => found.extend(list.split('}').next().unwrap_or_default().split(',').map(first)),
            None => found.push(first(line)),
        }
    }
    found
}

/// The room that each name of lib.rs comes from.
fn reexports(lib: &str) -> HashMap<String, String> {
    let mut rooms = HashMap::new();
    for line in lib.split("pub use ").skip(1) {
        let path = line.split(';').next().unwrap_or_default();
        let Some((room, names)) = path.split_once("::") else { continue };
        for name in names.rsplit("::").next().unwrap_or(names).trim_matches(['{', '}', '\n', ' ']).split(',') {
            rooms.insert(name.trim().to_owned(), room.to_owned());
        }
    }
    rooms
}

fn each_file(path: &Path, f: &mut dyn FnMut(&Path, &str)) {
    if path.is_dir() {
        return fs::read_dir(path).unwrap().for_each(|entry| each_file(&entry.unwrap().path(), f));
    }
    f(path, &fs::read_to_string(path).unwrap());
}

#[test]
fn a_door_that_goes_up_is_found() {
    let lib = "pub use tape::{Tape,\n Var};\npub use check::check;";
    assert_eq!(reexports(lib)["Var"], "tape");
    assert_eq!(imports("use crate::{Var, check};\nlet x = crate::sweep::backward();"), ["Var", "check", "sweep"]);
}

/// `fn main() -> Result<(), E>` prints `{:?}`, but the advice is in `{}`: the macro `debug_as_display` makes them equal.
#[test]
fn every_error_reads_as_its_message() {
    let mut errors = 0;
    for name in ["kernel", "linalg", "autograd", "nn"] {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates").join(name).join("src");
        each_file(&source, &mut |file, text| {
            let lines = text.lines().filter(|line| line.starts_with("impl"));
            let by_hand = lines.filter_map(|line| Some(line.split_once("Error for ")?.1));
            let derived = text.split("thiserror::Error").skip(1).filter_map(|rest| {
                let item = rest.split_once("\npub enum ").into_iter().chain(rest.split_once("\npub struct "));
                item.min_by_key(|(before, _)| before.len()).map(|(_, name)| name)
            });
            for rest in by_hand.chain(derived) {
                let reads = format!("debug_as_display!({});", rest.split([' ', '{', '\n']).next().unwrap_or_default());
                assert!(text.contains(&reads), "{}: no {reads}", file.display());
                errors += 1;
            }
        });
    }
    assert!(errors >= 13, "{errors}");
    let tape = Tape::new();
    let x = tape.variable(1.0);
    let mut program = (if x > 0.0 { x } else { -x }).program(&[x]);
    let stale = program.run(&[Matrix::full(1, 1, -1.0)]).unwrap_err();
    assert_eq!(format!("{stale:?}"), stale.to_string());
}
