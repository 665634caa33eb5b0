"""Compare this crate's training steps with the handwritten ones, PyTorch, JAX, burn and candle on the workloads of workloads.md.

pip install torch numpy jax optax
python compare.py [workload ...] [--rounds R] [--min-seconds S] [--threads 1,2] [--peers ours,torch,...]

Builds the Rust peers first (burn takes several minutes the first time), then runs all of them in turn, R rounds for each workload
and number of threads, on the same number of cores. Prints Markdown tables: the median over the rounds and the ratios ours /
peer (below 1, ours is faster), then the peak memory over that of the idle process. Missing peers are left out.
"""
import argparse, importlib.metadata, json, os, pathlib, platform, shutil, statistics, subprocess, sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[3]
NAMES = ["xor", "digits", "mnist", "tanh", "wide", "resid", "rnn"]
PEERS = ["ours", "handwritten", "torch", "jax", "burn", "candle"]
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
    a = p.parse_args()
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


def times(commands, name, threads, seconds):
    """µs per step of each peer, in one round."""
    # One run of the steps measures both of ours in turns.
    both = {"ours", "handwritten"} <= commands.keys()
    runs = {p: c[:1] if both and p == "ours" else c for p, c in commands.items() if not (both and p == "handwritten")}
    lines = [run(peer, [*c, name, "--min-seconds", str(seconds)], threads) for peer, c in runs.items()]
    return {line["peer"].split()[0]: line["us_per_step_median"] for line in sum(lines, [])}


def memory(command, peer, name):
    """MiB at a peer's peak over those of its process before it builds the model, on one thread."""
    line = run(peer, [*command, name, "--min-seconds", "0.1"], 1)[0]
    return line["peak_rss_mib"] - line["idle_rss_mib"]


def medians(rounds):
    """The median over the rounds of each peer."""
    return {peer: statistics.median(round[peer] for round in rounds) for peer in rounds[0]}


def print_times(commands, names, threads, rounds, seconds):
    """The table of µs per step, and of ratios."""
    peers = list(commands)
    others = [p for p in peers if p != "ours"] if "ours" in peers else []
    print(f"µs per step, threads: {threads}; medians of {rounds} rounds\n")
    table_head(["workload", *peers, *(f"ours / {p}" for p in others)])
    for name in names:
        median = medians([times(commands, name, threads, seconds) for _ in range(rounds)])
        cells = [f"{median[p]:,.2f}" if median[p] < 10 else f"{median[p]:,.0f}" for p in peers]
        cells += [f"{median['ours'] / median[p]:.2f}" for p in others]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
    print()


def print_memory(commands, names):
    """The table of memory."""
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
    if peer in ("torch", "jax"):
        try:
            importlib.metadata.version(peer)
            return [sys.executable, str(HERE / f"step_{peer}.py")]
        except importlib.metadata.PackageNotFoundError:
            raise Missing("not installed")
    cargo = ["cargo", "build", "--release", "--locked", "--target-dir", str(ROOT / "target/peers")]
    return [build(cargo, HERE / peer, f"peer-{peer}")]


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
    if peer in ("ours", "handwritten", "torch"):
        command = [*command, "--threads", str(threads)]
    if shutil.which("taskset"):
        command = ["taskset", "-c", f"0-{threads - 1}", *command]
    env = {**os.environ, "RAYON_NUM_THREADS": str(threads)}
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
        if peer in ("torch", "jax"):
            versions.append(f"{peer} {importlib.metadata.version(peer)}")
        if peer in ("burn", "candle"):
            lock = (HERE / peer / "Cargo.lock").read_text().splitlines()
            name = lock.index('name = "burn"' if peer == "burn" else 'name = "candle-core"')
            versions.append(f"{peer} {lock[name + 1].split(chr(34))[1]}")
    return f"{fields.get('model name', model)} {widest}, {os.cpu_count()} cores; {', '.join(versions)}"


if __name__ == "__main__":
    main()
