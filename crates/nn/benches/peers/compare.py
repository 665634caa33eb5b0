"""Compare this crate's training steps with the handwritten ones, PyTorch and JAX, on the workloads of workloads.md.

pip install torch numpy jax optax
python compare.py [workload ...] [--rounds R] [--min-seconds S] [--core C] [--peers ours,handwritten,torch,jax]

Builds `cargo bench -p tape-nn --bench steps`, then runs all peers in turn, R rounds per workload, each on the same
one core. Prints a Markdown table of the median over the rounds and the ratios ours / peer: below 1, ours is faster.
"""
import argparse, importlib.metadata, json, os, pathlib, platform, shutil, statistics, subprocess, sys

HERE = pathlib.Path(__file__).resolve().parent
NAMES = ["xor", "digits", "mnist", "tanh", "wide", "resid", "rnn"]
PEERS = ["ours", "handwritten", "torch", "jax"]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("workloads", nargs="*", metavar="workload", help=", ".join(NAMES))
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--min-seconds", type=float, default=2.0)
    p.add_argument("--core", type=int, default=0, help="the core that everything runs on")
    p.add_argument("--peers", default=",".join(PEERS), help="comma-separated, of " + ", ".join(PEERS))
    a = p.parse_args()
    wanted = a.peers.split(",")
    if unknown := [n for n in a.workloads if n not in NAMES] + [n for n in wanted if n not in PEERS]:
        p.error(f"unknown: {', '.join(unknown)}")

    commands = {}  # one command may print the lines of several peers
    if "ours" in wanted or "handwritten" in wanted:
        commands["steps"] = [build()]
    if "torch" in wanted:
        commands["torch"] = [sys.executable, str(HERE / "step_torch.py"), "--threads", "1"]
    if "jax" in wanted:
        commands["jax"] = [sys.executable, str(HERE / "step_jax.py")]

    print(machine(), end="\n\n")
    print("µs per step: " + ", ".join(wanted) + f"; medians of {a.rounds} rounds\n")
    others = [w for w in wanted if w != "ours"] if "ours" in wanted else []
    header = ["workload", *wanted, *(f"ours / {w}" for w in others)]
    print(f"| {' | '.join(header)} |\n|---|{'--:|' * (len(header) - 1)}", flush=True)
    for workload in a.workloads or NAMES:
        times = {peer: [] for peer in wanted}
        for _ in range(a.rounds):
            for command in commands.values():
                for line in run([*command, workload, "--min-seconds", str(a.min_seconds)], a.core):
                    peer = line["peer"].split()[0]
                    if peer in times and line["workload"] == workload:
                        times[peer].append(line["us_per_step_median"])
        if missing := [peer for peer in wanted if not times[peer]]:
            sys.exit(f"no result for {workload} from {', '.join(missing)}")
        median = {peer: statistics.median(times[peer]) for peer in wanted}
        cells = [f"{median[w]:,.2f}" if median[w] < 10 else f"{median[w]:,.0f}" for w in wanted]
        cells += [f"{median['ours'] / median[w]:.2f}" for w in others]
        print(f"| {workload} | {' | '.join(cells)} |", flush=True)


def build():
    """The bench executable; cargo itself is not run again while measuring."""
    command = ["cargo", "bench", "-p", "tape-nn", "--bench", "steps", "--no-run", "--message-format=json"]
    done = subprocess.run(command, cwd=HERE, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit("the bench does not build")
    for line in done.stdout.splitlines():
        message = json.loads(line)
        if message.get("executable") and message["target"]["name"] == "steps" and "bench" in message["target"]["kind"]:
            return message["executable"]
    sys.exit("cargo built no bench called steps")


def run(command, core):
    """The JSON lines that the command prints, running on this one core."""
    if shutil.which("taskset"):
        command = ["taskset", "-c", str(core), *command]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr}")
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def machine():
    """Processor, cores and versions in one line."""
    model = platform.processor() or platform.machine()
    try:
        for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    except OSError:
        pass
    rustc = subprocess.run(["rustc", "--version"], cwd=HERE, stdout=subprocess.PIPE, text=True).stdout
    versions = [rustc.split(" (")[0], f"python {platform.python_version()}"]
    for package in ["torch", "jax"]:
        try:
            versions.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            pass
    return f"{model}, {os.cpu_count()} cores, one thread; {', '.join(versions)}"


if __name__ == "__main__":
    main()
