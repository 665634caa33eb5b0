"""Write what optimagic has for the problems of Moré and Wild and of Cartis and Roberts to problems.json: starts, residuals there and at
another point, products with the Jacobian at that point, and the least sum of squares that is known.

pip install optimagic
python tests/solve/problems/make_problems.py

Products with the Jacobian are differences that are extrapolated by Ridders' method; each has the error that he estimates.
"""
import json, math, pathlib, warnings

import numpy as np
from optimagic.benchmarking.cartis_roberts import CARTIS_ROBERTS_PROBLEMS
from optimagic.benchmarking.more_wild import MORE_WILD_PROBLEMS


def residuals(problem):
    def of(x):
        found = problem["fun"](np.array(x, dtype=float))
        return np.asarray(getattr(found, "value", found), dtype=float)

    return of


def derivative(f, size):
    """f'(0) of a function with values in rows, and its error: C. J. F. Ridders, Advances in Engineering Software 4 (1982)."""
    best, error = None, None
    for first in (0.2 * size, 0.02 * size, 0.002 * size):
        table, step = [], first
        for _ in range(7):
            row, factor = [(f(step) - f(-step)) / (2 * step)], 1.0
            for k in range(len(table) and len(table[-1])):
                factor *= 1.96
                row.append((row[k] * factor - table[-1][k]) / (factor - 1))
                found = np.max(np.maximum(np.abs(row[-1] - row[-2]), np.abs(row[-1] - table[-1][-1])))
                if np.isfinite(found) and (error is None or found < error):
                    best, error = row[-1], float(found)
            table.append(row)
            step /= 1.4
    return best, error


def describe(set_, name, problem):
    f, x = residuals(problem), np.array(problem["start_x"], dtype=float)
    k = np.arange(len(x))
    point = x * (1 + 0.05 * np.sin(1 + k)) + 0.01 * np.cos(2 + 3 * k)
    bounds = problem.get("bounds")
    r = f(point)
    v, w = np.cos(1 + 2 * k), np.sin(2 + np.arange(len(r)))
    size = 1.0 / max(1.0, len(x) ** 0.5)
    jv, jv_error = derivative(lambda h: f(point + h * v), size)
    columns = [derivative(lambda h: np.atleast_1d(w @ f(point + h * np.eye(len(x))[i])), 0.3 * max(1.0, abs(point[i]))) for i in k]
    return {
        "set": set_, "name": name, "start": x.tolist(), "at_start": f(x).tolist(), "point": point.tolist(), "at_point": r.tolist(),
        "jv": jv.tolist(), "jv_error": jv_error,
        "jtw": [float(d[0]) for d, _ in columns], "jtw_error": max(error for _, error in columns),
        "minimum": problem["solution_criterion"],
    }  # fmt: skip


def main():
    warnings.simplefilter("ignore")
    sets = [("more_wild", MORE_WILD_PROBLEMS), ("cartis_roberts", CARTIS_ROBERTS_PROBLEMS)]
    all_ = [describe(set_, name, problem) for set_, problems in sets for name, problem in problems.items()]
    text = ",\n".join(json.dumps(problem) for problem in all_)
    (pathlib.Path(__file__).parent / "problems.json").write_text(f"[{text}]\n")


if __name__ == "__main__":
    main()
