"""Set the fits of NIST's regressions beside those of SciPy: the digits that both reach with their default settings, and the times.

pip install scipy
python crates/solve/benches/compare.py [--seconds S]

SciPy's curve_fit runs MINPACK's Levenberg-Marquardt method on residuals in NumPy, with its differences for derivatives. Both are
measured in turns, problem by problem; the ratio is one of medians. `-` is a fit that raised an error.
"""
import argparse, json, math, pathlib, statistics, subprocess, sys, time, warnings

import numpy as np
from scipy.optimize import curve_fit

ROOT = pathlib.Path(__file__).resolve().parents[3]
PROBLEMS = json.loads((ROOT / "tests/nist/strd_nonlinear.json").read_text())
exp = np.exp
MODELS = {
    "Misra1a": lambda x, a, b: a * (1 - exp(-b * x)),
    "Misra1b": lambda x, a, b: a * (1 - (1 + b * x / 2) ** -2),
    "Misra1c": lambda x, a, b: a * (1 - (1 + 2 * b * x) ** -0.5),
    "Misra1d": lambda x, a, b: a * b * x / (1 + b * x),
    "DanWood": lambda x, a, b: a * x**b,
    "Chwirut1": lambda x, a, b, c: exp(-a * x) / (b + c * x),
    "Bennett5": lambda x, a, b, c: a * (b + x) ** (-1 / c),
    "MGH10": lambda x, a, b, c: a * exp(b / (x + c)),
    "Rat42": lambda x, a, b, c: a / (1 + exp(b - c * x)),
    "Rat43": lambda x, a, b, c, d: a / (1 + exp(b - c * x)) ** (1 / d),
    "Eckerle4": lambda x, a, b, c: a / b * exp(-0.5 * ((x - c) / b) ** 2),
    "Nelson": lambda x, a, b, c: a - b * x[0] * exp(-c * x[1]),
    "Roszman1": lambda x, a, b, c, d: a - b * x - np.arctan(c / (x - d)) / np.pi,
    "MGH09": lambda x, a, b, c, d: a * (x**2 + x * b) / (x**2 + x * c + d),
    "MGH17": lambda x, a, b, c, d, e: a + b * exp(-x * d) + c * exp(-x * e),
    "Lanczos1": lambda x, a, b, c, d, e, f: a * exp(-b * x) + c * exp(-d * x) + e * exp(-f * x),
    "Gauss1": lambda x, a, b, c, d, e, f, g, h: a * exp(-b * x) + c * exp(-((x - d) ** 2) / e**2) + f * exp(-((x - g) ** 2) / h**2),
    "Kirby2": lambda x, a, b, c, d, e: (a + b * x + c * x**2) / (1 + d * x + e * x**2),
    "Hahn1": lambda x, a, b, c, d, e, f, g: (a + b * x + c * x**2 + d * x**3) / (1 + e * x + f * x**2 + g * x**3),
    "ENSO": lambda x, a, b, c, p, e, f, q, h, i: a
    + b * np.cos(2 * np.pi * x / 12)
    + c * np.sin(2 * np.pi * x / 12)
    + e * np.cos(2 * np.pi * x / p)
    + f * np.sin(2 * np.pi * x / p)
    + h * np.cos(2 * np.pi * x / q)
    + i * np.sin(2 * np.pi * x / q),
}
SAME = {"BoxBOD": "Misra1a", "Chwirut2": "Chwirut1", "Lanczos2": "Lanczos1", "Lanczos3": "Lanczos1", "Gauss2": "Gauss1", "Gauss3": "Gauss1", "Thurber": "Hahn1"}


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--seconds", type=float, default=0.1, help="for each fit")
    a = p.parse_args()
    warnings.simplefilter("ignore")
    command = ["cargo", "bench", "--quiet", "-p", "tape-solve", "--bench", "nist", "--", "--seconds", str(a.seconds)]
    ours = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    ratios = []
    print("| problem | start | digits | SciPy's digits | time / SciPy's |\n|---|--:|--:|--:|--:|")
    for problem in PROBLEMS:
        for start in (1, 2):
            line = json.loads(ours.stdout.readline())
            assert (line["problem"], line["start"]) == (problem["name"], start)
            digits, us = scipy(problem, start, a.seconds)
            ratio = line["us"] / us if us else None
            ratios += [ratio] * bool(ratio)
            cells = [problem["name"], start, line["digits"], "-" if digits is None else f"{digits:.1f}", f"{ratio:.2f}" if ratio else "-"]
            print(f"| {' | '.join(map(str, cells))} |", flush=True)
    print(f"\nThe median ratio is {statistics.median(ratios):.2f}, the largest {max(ratios):.2f}.")


def scipy(problem, start, seconds):
    """The digits of a fit, and its median time in µs; None if it raises an error."""
    data = np.array(problem["data"])
    y, x = data[:, 0], data[:, 1:].T if len(problem["columns"]) > 2 else data[:, 1]
    y = np.log(y) if problem["name"] == "Nelson" else y
    model = MODELS[SAME.get(problem["name"], problem["name"])]
    first = [p[f"start{start}"] for p in problem["parameters"]]
    certified = np.array([p["value"] for p in problem["parameters"]])
    times, begin = [], time.perf_counter()
    try:
        while len(times) < 3 or time.perf_counter() - begin < seconds:
            one = time.perf_counter()
            found, _ = curve_fit(model, x, y, p0=first)
            times.append(time.perf_counter() - one)
    except RuntimeError:
        return None, None
    error = np.max(np.abs((found - certified) / certified))
    return min(11.0, max(0.0, -math.log10(error))) if error > 0 else 11.0, 1e6 * statistics.median(times)


if __name__ == "__main__":
    main()
