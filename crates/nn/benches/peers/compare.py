"""Compare this crate's training steps with the handwritten ones, PyTorch, JAX, LIBXSMM, burn and candle on the workloads of workloads.md.

pip install torch numpy jax optax
apt-get install libxsmm-dev gcc g++
python compare.py [workload ...] [--rounds R] [--min-seconds S] [--threads 1,2] [--peers ours,torch,...] [--python PEER=PATH ...]

Builds the peers first (burn takes several minutes the first time), then runs all of them in turn, R rounds for each workload
and number of threads, on the same number of cores. Prints Markdown tables: the median over the rounds and the ratios ours /
peer (below 1, ours is faster), each with that of the minima in parentheses, then the peak memory over that of the idle process.
Missing peers are left out. Ours is the faster of the step on the tape and the step from a plan; `Trainer` plans by itself.

jax-new is JAX on a newer Python, for which newer versions of it exist: that of `--python jax-new=PATH`, or of an environment in
target/peers/jax-new. Without either, one is made there with the newest Python that is found. torch-compile needs a C++
compiler. It compiles each workload, and takes minutes for rnn.
"""
import argparse, functools, json, os, pathlib, platform, shutil, statistics, subprocess, sys
from typing import NamedTuple

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[3]
NAMES = ["xor", "digits", "mnist", "tanh", "wide", "resid", "rnn"]
PEERS = ["ours", "handwritten", "torch", "torch-compile", "jax", "jax-new", "libxsmm", "burn", "candle"]
STEPS = ["ours", "planned", "handwritten"]  # that the bench measures in turns, in one run
DENSE = ["digits", "mnist", "tanh", "wide"]  # the workloads of LIBXSMM
IN_PYTHON = ["torch", "torch-compile", "jax", "jax-new", "casadi"]
PYTHON = {}  # the interpreters of peers, where they are not this one
BUILT = ROOT / "target/peers"
HEAVY = ["tanh", "wide"]  # the workloads whose memory is measured


class Missing(SystemExit):
    """Why a peer or its measurement is missing."""


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("workloads", nargs="*", metavar="workload", help=", ".join(NAMES))
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--min-seconds", type=float, default=2.0)
    p.add_argument("--threads", default="1", help="numbers of threads, comma-separated")
    p.add_argument("--peers", default=",".join(PEERS), help="comma-separated, of " + ", ".join(PEERS))
    python_option(p)
    a = p.parse_args()
    PYTHON.update(a.python)
    names, asked = a.workloads or NAMES, a.peers.split(",")
    if unknown := [n for n in names if n not in NAMES] + [n for n in asked if n not in PEERS]:
        p.error(f"unknown: {', '.join(unknown)}")

    commands = {}
    for peer in asked:
        try:
            commands[peer] = install(peer)
        except Missing as why:
            print(f"{peer} is left out: {why}\n")
    print(machine(commands), end="\n\n")
    for threads in map(int, a.threads.split(",")):
        print_times(commands, names, threads, a.rounds, a.min_seconds)
    print_memory(commands, [n for n in names if n in HEAVY])


class Time(NamedTuple):
    """µs per step."""

    median: float
    least: float

    def __truediv__(self, other):
        return Time(*(a / b for a, b in zip(self, other)))

    def __str__(self):
        return " ".join(shown.format(f"{x:,.2f}" if x < 10 else f"{x:,.0f}") for shown, x in zip(("{}", "({})"), self))


def times(commands, name, threads, seconds):
    """The time of each peer that has the workload, in one round."""
    found = {}
    for peer, command in commands.items():
        if name not in workloads(peer) or (peer == "handwritten" and "ours" in commands):
            continue
        command = command[:1] if peer == "ours" else command
        for line in run(peer, [*command, name, "--min-seconds", str(seconds)], threads):
            key = line["peer"] if peer in STEPS else peer
            found[key] = Time(line["us_per_step_median"], line["us_per_step_min"])
    return found


def over_rounds(rounds):
    """The median of the medians of each peer, and its least time."""
    return {
        peer: Time(statistics.median(round[peer].median for round in rounds), min(round[peer].least for round in rounds))
        for peer in rounds[0]
    }


def fastest(found):
    """Ours: the faster of the tape and a plan."""
    return Time(*map(min, found["ours"], found["planned"]))


def memory(command, peer, name):
    """MiB at a peer's peak over those of its process before it builds the model, on one thread."""
    line = run(peer, [*command, name, "--min-seconds", "0.1"], 1)[0]
    return line["peak_rss_mib"] - line["idle_rss_mib"]


def print_times(commands, names, threads, rounds, seconds):
    """The table of µs per step, and of ratios."""
    peers = [p for peer in commands for p in (["ours", "planned"] if peer == "ours" else [peer])]
    others = [p for p in commands if p != "ours"] if "ours" in peers else []
    print(f"µs per step, threads: {threads}; medians (minima) of {rounds} rounds\n")
    table_head(["workload", *peers, *(f"ours / {p}" for p in others)])
    for name in names:
        found = over_rounds([times(commands, name, threads, seconds) for _ in range(rounds)])
        cells = [found.get(p, "") for p in peers]
        cells += [fastest(found) / found[p] if p in found else "" for p in others]
        print(f"| {name} | {' | '.join(map(str, cells))} |", flush=True)
    print()


def print_memory(commands, names):
    """The table of memory."""
    # What compiles also uses memory in the process of torch-compile.
    commands = {peer: command for peer, command in commands.items() if peer != "torch-compile"}
    if not names:
        return
    print("MiB at the peak over the idle process, one thread\n")
    table_head(["workload", *commands])
    for name in names:
        cells = [f"{memory(command, peer, name):,.0f}" for peer, command in commands.items()]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


def table_head(header, align="--:"):
    print(f"| {' | '.join(header)} |\n|---|{f'{align}|' * (len(header) - 1)}", flush=True)


def install(peer):
    """The command of a peer by itself."""
    if peer in ("ours", "handwritten"):
        return [bench("steps"), "--peer", peer]
    if peer == "libxsmm":
        return [libxsmm()]
    if package := package_of(peer):
        if peer == "torch-compile" and not any(map(shutil.which, ("c++", "g++", "clang++"))):
            raise Missing("no C++ compiler")
        if peer == "jax-new" and version(peer) == version("jax"):
            raise Missing("the version of the other JAX")
        if not version(peer):
            raise Missing("not installed")
        return [interpreter(peer), str(HERE / f"step_{package}.py"), *["--compile"] * (peer == "torch-compile")]
    cargo = ["cargo", "build", "--release", "--locked", "--target-dir", str(BUILT)]
    return [build(cargo, HERE / peer, f"peer-{peer}")]


def workloads(peer):
    return DENSE if peer == "libxsmm" else NAMES


def package_of(peer):
    """The Python package of a peer, if it is in Python."""
    return peer.split("-")[0] if peer in IN_PYTHON else None


def python_option(parser):
    def pair(text):
        peer, path = text.split("=", 1) if "=" in text else (text, "")
        if not path or peer not in IN_PYTHON:
            raise argparse.ArgumentTypeError(f"{text!r} is not PEER=PATH, with a peer of {', '.join(IN_PYTHON)}")
        return peer, path

    what = "the interpreter of a peer in Python, if it is not this one; may be repeated"
    parser.add_argument("--python", action="append", default=[], type=pair, metavar="PEER=PATH", help=what)


@functools.cache
def interpreter(peer):
    """The Python of a peer. The environment of jax-new is made if there is none."""
    if peer in PYTHON or peer != "jax-new":
        return PYTHON.get(peer, sys.executable)
    folder = BUILT / "jax-new"
    python = folder / "bin/python"
    if not python.exists():
        newest = next(filter(runs, ("python3.14", "python3.13", "python3.12")), None)
        if not newest:
            raise Missing("no newer Python; --python jax-new=PATH names one with JAX")
        made = subprocess.run([newest, "-m", "venv", folder], stdout=sys.stderr).returncode
        if made or subprocess.run([python, "-m", "pip", "install", "--quiet", "jax", "optax"], stdout=sys.stderr).returncode:
            shutil.rmtree(folder, ignore_errors=True)
            raise Missing("its environment was not made")
    return str(python)


def runs(program):
    """Whether there is such a program. A shim of a version manager may be on the path and not run."""
    return shutil.which(program) and not subprocess.run([program, "--version"], capture_output=True).returncode


@functools.cache
def version(peer):
    """The version of a peer's package; empty if it is not installed."""
    code = f"import importlib.metadata as m; print(m.version('{package_of(peer)}'))"
    return subprocess.run([interpreter(peer), "-c", code], capture_output=True, text=True).stdout.strip()


def libxsmm():
    """The executable of the step in C, whose gradients are checked once."""
    BUILT.mkdir(parents=True, exist_ok=True)
    program, source = str(BUILT / "step_xsmm"), str(HERE / "xsmm/step_xsmm.c")
    flags = ["-O3", "-march=native", "-ffast-math", "-fopenmp"]
    libraries = ["-lxsmm", "-lxsmmnoblas", "-lpthread", "-lrt", "-ldl", "-lm"]
    try:
        done = subprocess.run(["cc", *flags, source, "-o", program, *libraries], capture_output=True, text=True)
    except FileNotFoundError:
        raise Missing("no C compiler")
    if done.returncode:
        raise Missing(f"does not build; is libxsmm-dev installed?\n{done.stderr}")
    run("libxsmm", [program, "--check", *(name for name in DENSE if name != "wide")], 1)
    return program


def bench(name):
    """The executable of a bench of this crate."""
    return build(["cargo", "bench", "-p", "tape-nn", "--bench", name, "--no-run"], HERE, name)


def build(command, folder, name):
    """The executable that cargo builds with this name; cargo itself does not run during measurements."""
    done = subprocess.run([*command, "--message-format=json"], cwd=folder, stdout=subprocess.PIPE, text=True)
    for line in done.stdout.splitlines():
        message = json.loads(line)
        if message.get("executable") and message["target"]["name"] == name:
            return message["executable"]
    raise Missing(f"{name} does not build")


def run(peer, command, threads):
    """The JSON lines that the command prints, on that number of cores."""
    if peer in ("ours", "handwritten", "torch", "torch-compile", "libxsmm"):
        command = [*command, "--threads", str(threads)]
    if shutil.which("taskset"):
        command = ["taskset", "-c", f"0-{threads - 1}", *command]
    env = {**os.environ, "RAYON_NUM_THREADS": str(threads), "TORCHINDUCTOR_CACHE_DIR": str(BUILT / "inductor")}
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)
    if done.returncode:
        raise Missing(f"{peer} failed\n{' '.join(command)}\n{done.stderr}")
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def machine(commands):
    """Processor, cores and versions in one line."""
    model = platform.processor() or platform.machine()
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
        fields = dict(map(str.strip, line.split(":", 1)) for line in lines if ":" in line)
    except OSError:
        fields = {}
    widest = next((name for name in ("avx512f", "avx2") if name in fields.get("flags", "").split()), "")
    rustc = subprocess.run(["rustc", "--version"], cwd=HERE, stdout=subprocess.PIPE, text=True).stdout.split(" (")[0]
    versions = [rustc, f"python {platform.python_version()}"]
    for peer in commands:
        if package_of(peer) and peer != "torch-compile":
            versions.append(f"{peer} {version(peer)}")
        if peer in ("burn", "candle"):
            lock = (HERE / peer / "Cargo.lock").read_text().splitlines()
            name = lock.index('name = "burn"' if peer == "burn" else 'name = "candle-core"')
            versions.append(f"{peer} {lock[name + 1].split(chr(34))[1]}")
    return f"{fields.get('model name', model)} {widest}, {os.cpu_count()} cores; {', '.join(versions)}"


if __name__ == "__main__":
    main()
