"""Compare a cold release build of the two crates with one of faer alone.

python build.py [--rounds R] [--jobs J] [--json]

Builds in turns, each into an empty target folder, with this workspace's lock file and profile, and nothing fetched meanwhile:
a crate that depends on faer alone, with the workspace's features; tape-nn without default features; tape-nn with them.
Prints the ratios of medians to faer alone, of the time that passed and of that of the processor, and how many crates there
are, their own included.
"""
import argparse, json, os, pathlib, re, resource, shutil, statistics, subprocess, tempfile, time

ROOT = pathlib.Path(__file__).resolve().parents[4]
FAER = """[package]
name = "faer-alone"
edition = "2024"
[dependencies]
{dependency}
{profile}
[workspace]
"""
LIGHT, DEFAULT = ["-p", "tape-nn", "--no-default-features"], ["-p", "tape-nn"]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--jobs", type=int, default=2)
    p.add_argument("--json", action="store_true", help="one line for a script")
    a = p.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        alone = faer_alone(pathlib.Path(folder, "alone"))
        builds = {"faer": (alone, []), "light": (ROOT, LIGHT), "default": (ROOT, DEFAULT)}
        for place, _ in builds.values():
            cargo(place, "fetch", "--quiet")
        times = {name: [] for name in builds}
        for _ in range(a.rounds):
            for name, (place, options) in builds.items():
                times[name].append(build(place, options, a.jobs, pathlib.Path(folder, "target")))
        crates = {"tape-autograd": count(ROOT, ["-p", "tape-autograd"]), "light": count(ROOT, LIGHT), "default": count(ROOT, DEFAULT)}
        faer_crates = count(alone, []) - 1
    passed, processor = ({name: statistics.median(t[k] for t in times[name]) for name in builds} for k in (0, 1))
    ratios = {name: round(passed[name] / passed["faer"], 3) for name in ("light", "default")}
    if a.json:
        print(json.dumps({"build": ratios, "crates": crates}))
        return
    print(f"medians of {a.rounds} rounds, {a.jobs} jobs, against faer alone ({passed['faer']:.0f} s, {faer_crates} crates)\n")
    print("| build | time | of the processor | crates |\n|---|--:|--:|--:|")
    for name, ratio in ratios.items():
        print(f"| {name} | {ratio:.2f} | {processor[name] / processor['faer']:.2f} | {crates[name]} |")
    print(f"\ntape-autograd alone: {crates['tape-autograd']} crates")


def faer_alone(place):
    """A crate that depends on faer alone, as the workspace does."""
    manifest = (ROOT / "Cargo.toml").read_text()
    dependency = re.search(r"^faer = .*$", manifest, re.M).group()
    profile = re.search(r"^\[profile\.release\](\n[^\[\n].*)*", manifest, re.M).group()
    (place / "src").mkdir(parents=True)
    (place / "src/lib.rs").touch()
    (place / "Cargo.toml").write_text(FAER.format(dependency=dependency, profile=profile))
    shutil.copy(ROOT / "Cargo.lock", place)
    return place


def build(place, options, jobs, target):
    """Seconds that passed, and of the processor."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    cargo(place, "build", "--release", "--offline", "--quiet", f"-j{jobs}", "--target-dir", str(target), *options)
    passed, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    shutil.rmtree(target)
    return passed, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def count(place, options):
    tree = cargo(place, "tree", "--offline", "-e", "normal", "--prefix", "none", *options)
    return len({line.split(" (")[0] for line in tree.splitlines() if line})


def cargo(place, *arguments):
    environment = {name: value for name, value in os.environ.items() if name not in ("CARGO_TARGET_DIR", "RUSTFLAGS")}
    return subprocess.run(["cargo", *arguments], cwd=place, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout


if __name__ == "__main__":
    main()
