"""Measure every speed target and print one Markdown table: the quantity, the target, the measurement, whether it is met.

pip install torch numpy jax optax casadi
apt-get install libxsmm-dev gcc g++
python crates/nn/benches/targets.py [--rounds R] [--min-seconds S] [--quick] [--only PART] [--minima] [--without PEER]
    [--python PEER=PATH]

Builds and runs the benchmarks and their peers in sequence. A ratio is one of medians over the rounds, or of minima, which other load
on the machine disturbs less. Ours is the faster of the step on the tape and from a plan. If a peer is missing, its targets are not
measured, and the table says why. CODIPACK may name a folder with CoDiPack; compare.py says more about the peers.
"""
import argparse, functools, math, operator, os, pathlib, sys, time
from typing import NamedTuple

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "peers"))
import compare
from compare import DENSE, HEAVY, NAMES, Missing

SMALL, LARGE = ["xor", "digits", "resid", "rnn"], ["mnist", "tanh", "wide"]
SHARED = ["mnist", "tanh", "wide", "resid"]  # large enough for a second thread
THREADS = {1: "1 thread", 2: "2 threads"}
TITLES = {
    "handwritten": "handwritten", "torch": "PyTorch", "torch-compile": "torch.compile", "jax": "JAX", "jax-new": "JAX (new)",
    "libxsmm": "LIBXSMM", "burn": "burn", "candle": "candle",
}
PROGRAMS = ["rosenbrock", "gmm10", "lstm2"]
MATRICES = ["gmm10", "lstm2"]
PLANS = ["xor", "digits", "deep"]
PLANNED = "planned / handwritten, 1 thread"
ALLOCATED = "bytes allocated by a step after the first four"
PLANNED_ALLOCATED = "bytes allocated by a planned step, 1 thread"
NUMBERS = "scalars, record and sweep"
BUILD = "cold release build / faer alone"
SKIPPED = Missing("left out")
LEFT_OUT = []  # peers that the user does not want


class Target(NamedTuple):
    part: str  # that measures it
    what: str
    cases: list
    bound: str  # empty if it is only shown


def of_steps(peer, cases, bound):
    return [Target("steps", f"ours / {TITLES[peer]}, {threads}", cases, bound) for threads in THREADS.values()]


TARGETS = [
    *of_steps("handwritten", NAMES, "≤ 1.10"),
    Target("steps", PLANNED, ["xor"], "≤ 1.20"),
    Target("steps", PLANNED, ["rnn"], "≤ 1.05"),
    Target("steps", PLANNED, [name for name in NAMES if name not in ("xor", "rnn")], "≤ 1.00"),
    *of_steps("torch", SMALL, "≤ 0.55"),
    *of_steps("torch", LARGE, "< 1"),
    *of_steps("jax", SMALL, "≤ 0.55"),
    *of_steps("jax", LARGE, "< 1"),
    *of_steps("torch-compile", NAMES, "< 1"),
    *of_steps("jax-new", NAMES, "≤ 0.8"),
    *of_steps("jax-new", ["xor", "rnn", "digits"], "≤ 0.4"),
    *of_steps("libxsmm", DENSE, "≤ 1.1"),
    *of_steps("burn", NAMES, "< 1"),
    *of_steps("candle", NAMES, "< 1"),
    Target("steps", "2 threads / 1 thread", SHARED, "≤ 0.6"),
    Target("allocations", f"{ALLOCATED}, 1 thread", NAMES, "= 0"),
    Target("allocations", f"{ALLOCATED}, 2 threads", NAMES, "= 0"),
    Target("allocations", PLANNED_ALLOCATED, NAMES, "= 0"),
    Target("memory", "peak memory over idle / PyTorch's", HEAVY, "≤ 0.8"),
    Target("scalars", f"{NUMBERS}: xad-rs / ours", PROGRAMS, "> 1"),
    Target("scalars", f"{NUMBERS}: reverse / ours", PROGRAMS, "> 1"),
    Target("scalars", f"{NUMBERS}: ours / CoDiPack", PROGRAMS, "≤ 1.3"),
    Target("scalars", "scalars, replayed / CoDiPack", PROGRAMS, "< 1"),
    Target("scalars", "scalars, replayed / CasADi", PROGRAMS, "≤ 1.0"),
    Target("derivatives", "gradient / objective, in matrices", MATRICES, "≤ 4"),
    Target("derivatives", "H v / gradient", [*MATRICES, "mnist"], "≤ 3.5"),
    Target("derivatives", "one sample through the net / handwritten", ["mnist"], "≤ 1.0"),
    Target("derivatives", "recording and making a plan / gradient", PLANS, "≤ 3"),
    Target("build", BUILD, ["light"], "≤ 1.25"),
    Target("build", BUILD, ["default"], ""),
    Target("build", "crates", ["light"], "≤ 60"),
    Target("build", "crates", ["default", "tape-autograd"], ""),
]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--min-seconds", type=float, default=1.0, help="for each program in each round")
    p.add_argument("--quick", action="store_true", help="one short round, to test that everything runs; without wide and cold builds")
    p.add_argument("--only", action="append", choices=PARTS, metavar="PART", help=", ".join(PARTS) + "; may be repeated")
    p.add_argument("--minima", action="store_true", help="ratios of minima, for steps and scalars")
    p.add_argument("--without", action="append", default=[], choices=compare.PEERS[1:], metavar="PEER", help="may be repeated")
    compare.python_option(p)
    a = p.parse_args()
    compare.PYTHON.update(a.python)
    LEFT_OUT.extend(a.without)
    if a.quick:
        a.rounds, a.min_seconds = 1, 0.02
    load, start, parts, found = os.getloadavg()[0], time.monotonic(), a.only or PARTS, {}
    commands = peers()[0] if {"steps", "memory"} & set(parts) else {}
    for part in parts:
        try:
            for what, case, x in PARTS[part](a):
                found[what, case] = x
        except Missing as why:
            said(part, "not measured:", why)
            found = {**unmeasured(part, why), **found}
    print(compare.machine(commands) + f"; load {load:.1f} at the start")
    minutes = (time.monotonic() - start) / 60
    print(f"Rounds: {a.rounds}, of {a.min_seconds} s for each program; {minutes:.0f} minutes in all.", end="\n\n")
    compare.table_head(["what", "target", "measured", "met"], "---")
    for target in TARGETS:
        if target.part in parts:
            print(row(target, [found.get((target.what, case), SKIPPED) for case in target.cases]))


def row(target, values):
    """A line of the table.

    >>> row(Target("steps", "ours / JAX", ["xor", "rnn"], "≤ 0.55"), [0.5, 0.66])
    '| ours / JAX | ≤ 0.55 | xor 0.50, rnn **0.66** | no: rnn × 1.20 |'
    >>> row(Target("steps", "ours / JAX", ["xor", "rnn"], "< 1"), [0.5, Missing("not installed")])
    '| ours / JAX | < 1 | xor 0.50; not measured: rnn (not installed) | |'
    """
    numbers, missed, absent = [], [], {}
    for case, x in zip(target.cases, values):
        if isinstance(x, Missing):
            absent.setdefault(str(x).splitlines()[0], []).append(case)
            continue
        shown = f"{x:,}" if isinstance(x, int) else f"{x:.2f}"
        if factor := misses(target.bound, x):
            missed.append(case if factor == math.inf else f"{case} × {factor:.2f}")
            shown = f"**{shown}**"
        numbers.append(f"{case} {shown}")
    why = [f"{', '.join(cases)} ({why})" for why, cases in absent.items()]
    measured = "; ".join([", ".join(numbers)] * bool(numbers) + [f"not measured: {', '.join(why)}"] * bool(why))
    met = f"no: {', '.join(missed)} " if missed else "yes " if target.bound and not absent else ""
    return f"| {target.what} | {target.bound} | {measured} | {met}|"


def misses(bound, x):
    """The factor by which x misses a bound, None if it meets it.

    >>> misses("≤ 1.10", 1.1), misses("< 1", 1.0), misses("> 1", 0.5), misses("= 0", 24), misses("", 3)
    (None, 1.0, 2.0, inf, None)
    """
    relation, _, limit = bound.partition(" ")
    meets = {"≤": operator.le, "<": operator.lt, ">": operator.gt, "=": operator.eq}
    if not bound or meets[relation](x, limit := float(limit)):
        return None
    return limit / x if relation == ">" else x / limit if limit else math.inf


# The parts: each returns the quantity, the case and the number, or why there is none.


def steps(a):
    commands, missing = peers()
    for name in quick(a, NAMES):
        try:
            turns = []  # both numbers of threads in each round
            for round in range(a.rounds):
                said(f"steps, {name}: round {round + 1} of {a.rounds}")
                turns.append([compare.times(commands, name, threads, a.min_seconds) for threads in THREADS])
            found = dict(zip(THREADS, map(compare.over_rounds, zip(*turns))))
        except Missing as why:
            said(f"steps, {name}: not measured:", why)
            yield from ((what, case, why) for (what, case), why in unmeasured("steps", why).items() if case == name)
            continue
        ratio = lambda x, y: (x / y).least if a.minima else (x / y).median
        ours = {threads: compare.fastest(found[threads]) for threads in THREADS}
        for threads, title in THREADS.items():
            for peer in (peer for peer in TITLES if name in compare.workloads(peer)):
                x = missing.get(peer) or ratio(ours[threads], found[threads][peer])
                yield f"ours / {TITLES[peer]}, {title}", name, x
        yield PLANNED, name, ratio(found[1]["planned"], found[1]["handwritten"])
        yield "2 threads / 1 thread", name, ratio(ours[2], ours[1])


def allocations(a):
    counter = compare.bench("allocations")
    for threads, title in THREADS.items():
        said("allocations,", title)
        for line in compare.run("ours", [counter, *quick(a, NAMES)], threads):
            bytes = line["bytes_per_step_median"]
            if line["peer"] == "ours":
                yield f"{ALLOCATED}, {title}", line["workload"], bytes
            elif threads == 1:
                yield PLANNED_ALLOCATED, line["workload"], bytes


def memory(a):
    commands, missing = peers()
    for name in quick(a, HEAVY):
        said("memory,", name)
        if "torch" in missing:
            raise missing["torch"]
        ours, torch = (compare.memory(commands[peer], peer, name) for peer in ("ours", "torch"))
        yield "peak memory over idle / PyTorch's", name, ours / torch


def scalars(a):
    said("scalars")
    script = HERE.parents[1] / "autograd/benches/peers/compare.sh"
    python = f"PYTHON={compare.interpreter('casadi')}"
    lines = compare.run("scalars", ["env", python, "bash", str(script), "--json", str(a.rounds), str(a.min_seconds)], 1)
    ns = {(line["case"], line["peer"]): line["least" if a.minima else "ns"] for line in lines}
    for case in PROGRAMS:
        ours, replayed = ns[case, "scalar-tape"], ns[case, "replayed"]
        for crate in ("xad-rs", "reverse"):
            yield f"{NUMBERS}: {crate} / ours", case, ns[case, crate] / ours
        codipack, casadi = (ns.get((case, peer)) for peer in ("codipack", "casadi"))
        no = None if codipack else Missing("no CoDiPack")
        yield f"{NUMBERS}: ours / CoDiPack", case, no or ours / codipack
        yield "scalars, replayed / CoDiPack", case, no or replayed / codipack
        yield "scalars, replayed / CasADi", case, replayed / casadi if casadi else Missing("no CasADi")


def derivatives(a):
    said("derivatives")
    titles = {
        "gradient / objective": "gradient / objective, in matrices",
        "H v / gradient": "H v / gradient",
        "ours / by hand": "one sample through the net / handwritten",
        "a plan / gradient": "recording and making a plan / gradient",
    }
    seconds = ["--seconds", str(a.rounds * a.min_seconds)]
    for line in compare.run("derivatives", [compare.bench("derivatives"), "--json", *seconds], 1):
        yield from ((titles[what], line["program"], x) for what, x in line.items() if what in titles)


def build(a):
    if a.quick:
        raise SKIPPED
    said("cold builds")
    script = HERE / "peers/build.py"
    options = ["--only", "cold", "--json", "--rounds", str(a.rounds)]
    for line in compare.run("build", [sys.executable, str(script), *options], os.cpu_count()):
        yield from ((BUILD, case, line["rows"][f"{case} / faer"]["passed"]) for case in ("light", "default"))
        yield from (("crates", case, count) for case, count in line["crates"].items())


PARTS = dict(
    steps=steps, allocations=allocations, memory=memory, scalars=scalars, derivatives=derivatives, build=build
)


@functools.cache
def peers():
    """The commands of the peers that run, and why the others do not."""
    commands, missing = {}, {}
    for peer in compare.PEERS:
        said("building", peer)
        try:
            if peer in LEFT_OUT:
                raise SKIPPED
            command = compare.install(peer)
            compare.run(peer, [*command, compare.workloads(peer)[0], "--min-seconds", "0"], 1)
            commands[peer] = command
        except Missing as why:
            said(peer, "is left out:", why)
            missing[peer] = why
    if "ours" in missing:
        raise missing["ours"]
    return commands, missing


def quick(a, names):
    return [name for name in names if not (a.quick and name == "wide")]


def unmeasured(part, why):
    return {(target.what, case): why for target in TARGETS if target.part == part for case in target.cases}


def said(*what):
    print(time.strftime("%H:%M:%S"), *what, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
