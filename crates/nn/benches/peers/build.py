"""The cost of builds: an edit of a program, the tests, CI, the first example from a clone, cold builds relative to faer.

python build.py [--only edit,test,ci,digits,cold] [--rounds R] [--jobs J] [--json]

Prints processor seconds, which other load disturbs least, and elapsed seconds, as medians of the rounds, each row
with its goal. Nothing is fetched meanwhile, and only empty target folders are used.

edit    The README's first program as the crate of a new user, with the profiles that the README recommends. It is built, then
        one number in it is changed and it is built again, for release and for dev. The same program with more steps is timed.
test    `cargo test --workspace` from an empty target folder.
ci      `.ci/run` from an empty target folder.
digits  A clone of the last commit, and `cargo run --release --example digits` in it.
cold    Release builds in turns, with this workspace's lock file and profile: a crate that depends on faer alone, with the
        workspace's features; tape-nn without default features (light); tape-nn with them (default). Ratios are to faer alone. The
        numbers of crates include ours.
"""
import argparse, contextlib, json, os, pathlib, re, resource, shutil, statistics, subprocess, sys, tempfile, time

ROOT = pathlib.Path(__file__).resolve().parents[4]
MANIFEST = """[package]
name = "{name}"
edition = "2024"
[dependencies]
{dependencies}
{profiles}
[workspace]
"""
BUILDS = {
    "tape-autograd": ["-p", "tape-autograd"],
    "light": ["-p", "tape-nn", "--no-default-features"],
    "default": ["-p", "tape-nn"],
}
MORE_STEPS = 20_000


class Row:
    """Costs of the rounds, as (processor, elapsed) seconds, and a goal for one of them."""

    def __init__(self, what, goal=None, of="processor"):
        self.what, self.goal, self.of, self.costs = what, goal, of, []

    def add(self, cost):
        self.costs.append(cost)
        print(f"  {self.what}: {cost[0]:.2f}, passed {cost[1]:.2f}", file=sys.stderr)

    def medians(self):
        return {of: statistics.median(cost[k] for cost in self.costs) for k, of in enumerate(("processor", "passed"))}

    def line(self):
        medians = self.medians()
        goal, met = "", ""
        if self.goal is not None:
            goal = f"≤ {self.goal:g}{' passed' if self.of == 'passed' else ''}"
            met = "yes" if medians[self.of] <= self.goal else "no"
        return f"| {self.what} | {medians['processor']:.2f} | {medians['passed']:.2f} | {goal} | {met} |"


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--only", default=",".join(KINDS), help="a list of: %(default)s")
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--jobs", type=int, default=2)
    p.add_argument("--json", action="store_true", help="one line for a script")
    a = p.parse_args()
    kinds = a.only.split(",")
    if unknown := set(kinds) - set(KINDS):
        p.error(f"no such rows: {', '.join(sorted(unknown))}")
    os.environ["CARGO_BUILD_JOBS"] = str(a.jobs)
    for name in ("CARGO_TARGET_DIR", "RUSTFLAGS"):
        os.environ.pop(name, None)
    cargo(ROOT, "fetch", "--quiet")
    os.environ["CARGO_NET_OFFLINE"] = "true"
    rows = []
    for kind in kinds:
        with tempfile.TemporaryDirectory() as folder:
            rows += KINDS[kind](a, pathlib.Path(folder))
    crates = {name: count(options) for name, options in BUILDS.items()} if "cold" in kinds else {}
    if a.json:
        print(json.dumps({"rows": {row.what: row.medians() for row in rows}, "crates": crates}))
        return
    print(f"medians of {a.rounds} rounds, {a.jobs} jobs\n")
    print("| what | processor | elapsed | goal | met |\n|---|--:|--:|--:|---|")
    for row in rows:
        print(row.line())
    if crates:
        print("\ncrates: " + ", ".join(f"{n} {name}" for name, n in crates.items()))


def edit(a, folder):
    """Edits of a new user's program, and how much slower the program runs in a debug build."""
    program, (_, profiles) = block("rust", "use "), block("toml", "[dependencies]").split("\n\n", 1)
    dependencies = [f'tape-nn = {{ path = "{ROOT}/crates/nn" }}']
    place = crate(folder / "first", "first", dependencies, profiles, program)
    longer = program.replace("0..=200", f"0..={MORE_STEPS}")
    assert longer != program, "the first program of the README has no loop of 200 steps"
    rows, runs = [], {}
    for profile, folder_of, goal in (("release", "release", 2), ("dev", "debug", 1)):
        build = ["build", "--quiet", "--profile", profile]
        cargo(place, *build)
        row = Row(f"edit, {profile}", goal)
        for round in range(a.rounds):
            (place / "src/main.rs").write_text(changed(program, round))
            row.add(cost(lambda: cargo(place, *build)))
        rows.append(row)
        (place / "src/main.rs").write_text(longer)
        cargo(place, *build)
        runs[profile] = shutil.copy(place / "target" / folder_of / "first", place / f"first-{profile}")
    ratio = Row(f"{MORE_STEPS} steps, dev / release", 5)
    for _ in range(a.rounds):
        ratio.add(over(*(cost(lambda: run([runs[profile]], place)) for profile in ("dev", "release"))))
    return [*rows, ratio]


def test(a, folder):
    row = Row("cargo test --workspace", 600)
    for _ in range(a.rounds):
        with empty_target(folder):
            row.add(cost(lambda: cargo(ROOT, "test", "--workspace", "--quiet")))
    return [row]


def ci(a, folder):
    row = Row(".ci/run", 18 * 60, of="passed")
    for _ in range(a.rounds):
        with empty_target(folder):
            row.add(cost(lambda: run([ROOT / ".ci/run"], ROOT)))
    return [row]


def digits(a, folder):
    row = Row("clone, train digits", 110, of="passed")

    def clone_and_train():
        run(["git", "clone", "--quiet", ROOT, folder / "clone"], folder)
        cargo(folder / "clone", "run", "--release", "--quiet", "--example", "digits")

    for _ in range(a.rounds):
        row.add(cost(clone_and_train))
        shutil.rmtree(folder / "clone")
    return [row]


def cold(a, folder):
    """Cold release builds, in turns."""
    manifest = (ROOT / "Cargo.toml").read_text()
    profile = re.search(r"^\[profile\.release\](\n[^\[\n].*)*", manifest, re.M).group()
    alone = crate(folder / "alone", "faer-alone", [line_of("faer")], profile)
    builds = {"faer alone": (alone, []), "light": (ROOT, LIGHT), "default": (ROOT, DEFAULT)}
    faer = Row("faer alone, cold")
    light, default = Row("without default features / faer", 2.0), Row()
    for _ in range(a.rounds):
        costs = []
        for place, options in builds.values():
            with empty_target(folder):
                costs.append(cost(lambda: cargo(place, "build", "--release", "--quiet", *options)))
        faer.add(costs[0])
        light.add(over(costs[1], costs[0]))
        default.add(over(costs[2], costs[0]))
    return [faer, light, default]


KINDS = {"edit": edit, "test": test, "ci": ci, "digits": digits, "cold": cold}


def block(language, beginning):
    """The first block of the README in this language that begins with this text."""
    return re.search(rf"^```{language}\n({re.escape(beginning)}.*?)^```$", (ROOT / "README.md").read_text(), re.M | re.S).group(1)


def line_of(dependency):
    """The workspace's dependency line of a crate."""
    return re.search(rf"^{dependency} = .*$", (ROOT / "Cargo.toml").read_text(), re.M).group()


def crate(place, name, dependencies, profiles, program=None):
    """A crate outside the workspace, with the workspace's lock file."""
    (place / "src").mkdir(parents=True)
    (place / "src" / ("main.rs" if program else "lib.rs")).write_text(program or "")
    (place / "Cargo.toml").write_text(MANIFEST.format(name=name, dependencies="\n".join(dependencies), profiles=profiles))
    shutil.copy(ROOT / "Cargo.lock", place)
    return place


def changed(program, round):
    """The program with another learning rate."""
    edited = re.sub(r"(Adam::new\(0\.01)\)", rf"\g<1>{round + 1})", program)
    assert edited != program, "the first program of the README has no Adam::new(0.01)"
    return edited


@contextlib.contextmanager
def empty_target(folder):
    target = folder / "target"
    os.environ["CARGO_TARGET_DIR"] = str(target)
    try:
        yield
    finally:
        del os.environ["CARGO_TARGET_DIR"]
        shutil.rmtree(target, ignore_errors=True)


def cost(work):
    """Processor seconds and elapsed seconds."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    work()
    passed, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, passed


def over(cost, base):
    return tuple(one / other for one, other in zip(cost, base))


def count(options):
    tree = cargo(ROOT, "tree", "-e", "normal", "--prefix", "none", *options)
    return len({line.split(" (")[0] for line in tree.splitlines() if line})


def cargo(place, *arguments):
    return run(["cargo", *arguments], place)


def run(command, place):
    """The output of the command. If it fails, the end of the output is shown."""
    done = subprocess.run(command, cwd=place, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
    return done.stdout


if __name__ == "__main__":
    main()
