"""Runs GradBench's evals on this tool and on others in turns, and prints one Markdown table of ratios: our time divided by theirs.

cargo build --release --example gradbench
python examples/gradbench/compare.py FOLDER [--tool NAME=COMMAND]... [--rounds R] [--min-seconds S] [--only EVAL]... [--ours COMMAND]

FOLDER has GradBench with its golden implementation (`manual`) built, as its own documents say; the evals need it for their answers. They run
there, with this interpreter, which needs NumPy, SciPy, pydantic and dataclasses_json. COMMAND starts a tool that speaks GradBench's
protocol, in FOLDER. A row is one function at one size. Times are those that the tools report for an evaluation; each number is the
median over all evaluations of all rounds. "wrong" is an answer that the eval rejects, "failed" an evaluation that the tool does not
finish, and "-" a program that it does not have. The exit status is 1 if any of our answers is wrong or missing.
"""
import argparse, collections, json, os, pathlib, shlex, statistics, subprocess, sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
SIZES = {  # small sizes of each eval's own
    "hello": [],
    "llsq": ["-n", "16", "256", "4096"],
    "lse": ["-n", "2500", "160000"],
    "ode": ["-n", "1000", "10000", "-s", "1", "10", "100"],
    "gmm": ["-d", "2", "10", "32", "-k", "5", "25"],
    "lstm": ["-l", "2", "4", "-c", "1024"],
    "det": ["-l", "5", "7", "9"],
    "kmeans": ["-k", "10", "100", "-n", "1000", "10000", "-d", "8"],
    "ba": ["--min", "1", "--max", "3"],
    "ht": ["--min", "1", "--max", "7", "--model", "small"],
    "particle": [],
    "saddle": [],
}
UNTIMED = ["hello"]  # it has no number of runs


def converse(folder, name, sizes, tool):
    """One session: {(function, size): (nanoseconds, problem)}, or None if the tool lacks the program."""
    package = folder / "python" / "gradbench"
    environment = os.environ | {"PYTHONPATH": f"{package}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    pipes = dict(cwd=folder, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    script = package / "gradbench" / "evals" / name / "run.py"
    results, asked = {}, {}
    with subprocess.Popen([sys.executable, script, *sizes], **pipes) as eval_, subprocess.Popen(tool, **pipes) as tool_:
        for line in eval_.stdout:
            message = json.loads(line)
            if message["kind"] == "end":
                break
            tool_.stdin.write(line)
            tool_.stdin.flush()
            reply = tool_.stdout.readline()
            if not reply:
                raise SystemExit(f"{shlex.join(map(str, tool))} ended at a message of {name}: {line[:200]}")
            response = json.loads(reply)
            if message["kind"] == "define" and not response.get("success"):
                results = None
            elif message["kind"] == "evaluate":
                key = asked[message["id"]] = message["function"], message.get("description", "")
                times = [t["nanoseconds"] for t in response.get("timings") or [] if t["name"] == "evaluate"]
                results[key] = times, None if response.get("success") else "failed"
            elif message["kind"] == "analysis" and not message["valid"]:
                results[asked[message["of"]]] = [], "wrong"
            eval_.stdin.write(reply)
            eval_.stdin.flush()
        eval_.stdin.close()
        tool_.stdin.close()
        if eval_.wait():
            raise SystemExit(f"the eval {name} failed")
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--tool", action="append", default=[], metavar="NAME=COMMAND")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--min-seconds", type=float, default=0.1)
    parser.add_argument("--only", action="append", choices=SIZES)
    parser.add_argument("--ours", default=str(ROOT / "target" / "release" / "examples" / "gradbench"))
    options = parser.parse_args()
    folder = options.folder.resolve()
    tools = {"ours": shlex.split(options.ours)}
    for tool in options.tool:
        name, _, command = tool.partition("=")
        if not command:
            parser.error(f"--tool {tool}: NAME=COMMAND")
        tools[name] = shlex.split(command)
    others = [name for name in tools if name != "ours"]
    print("| eval | function | size | " + " | ".join(others or ["ours"]) + " |")
    print("|---|---|---|" + "--:|" * len(others or ["ours"]), flush=True)
    bad = False
    for name in options.only or SIZES:
        sizes = SIZES[name] + ([] if name in UNTIMED else ["--min-seconds", str(options.min_seconds)])
        times, problems, keys = collections.defaultdict(list), {}, {}
        for _ in range(options.rounds):
            for tool, command in tools.items():
                for key, (more, problem) in (converse(folder, name, sizes, command) or {}).items():
                    keys[key] = None
                    times[key, tool] += more
                    if problem:
                        problems[key, tool] = problem
        if not keys:
            bad, keys = True, {("-", "-"): None}
        for key in keys:
            def entry(tool):
                if problem := problems.get((key, tool)):
                    return problem
                if not times[key, tool]:
                    return "-" if name not in UNTIMED or tool == "ours" else "right"
                if tool == "ours":
                    return "right"
                if not times[key, "ours"] or problems.get((key, "ours")):
                    return "no time of ours"
                return f"{statistics.median(times[key, 'ours']) / statistics.median(times[key, tool]):.2g}"
            bad |= entry("ours") != "right"
            print(f"| {name} | {key[0]} | {key[1]} | " + " | ".join(map(entry, others or ["ours"])) + " |", flush=True)
    sys.exit(bad)


if __name__ == "__main__":
    main()
