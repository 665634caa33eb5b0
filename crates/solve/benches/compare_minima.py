"""Set the evaluations that minimizations need beside those of SciPy, on the same problems, from the same starts, to a gradient of 1e-8.

pip install scipy jax
python crates/solve/benches/compare_minima.py

SciPy gets exact gradients, Hessians and products H v from JAX. A cell has the evaluations of the gradient, and after + the products H v (a
Hessian of n columns counts as n). `-` is a run that did not end, or not within the tolerance of a known minimum.
"""
import json, math, pathlib, subprocess, warnings

import jax
import jax.numpy as jnp
import numpy as np
from scipy.optimize import minimize

jax.config.update("jax_enable_x64", True)
ROOT = pathlib.Path(__file__).resolve().parents[3]


def rosenbrock(x):
    a, b = x[0::2], x[1::2]
    return jnp.sum(100 * (b - a**2) ** 2 + (a - 1) ** 2)


def beale(x):
    return sum((y + x[0] * (x[1] ** k - 1)) ** 2 for y, k in [(1.5, 1), (2.25, 2), (2.625, 3)])


def powell(x):
    a, b, c, d = x
    return (a + 10 * b) ** 2 + 5 * (c - d) ** 2 + (b - 2 * c) ** 4 + 10 * (a - d) ** 4


def wood(x):
    a, b, c, d = x
    return 100 * (b - a**2) ** 2 + (1 - a) ** 2 + 90 * (d - c**2) ** 2 + (1 - c) ** 2 + 10 * (b + d - 2) ** 2 + (b - d) ** 2 / 10


def helical(x):
    a, b, c = x
    turns = jnp.arctan2(b, a) / (2 * math.pi)
    return 100 * ((c - 10 * turns) ** 2 + (jnp.sqrt(a * a + b * b) - 1) ** 2) + c * c


def himmelblau(x):
    a, b = x
    return (a * a + b - 11) ** 2 + (a + b * b - 7) ** 2


STARTS = {
    "beale": (beale, [1, 1], [[3, 0.5]], 1e-6),
    "powell": (powell, [3, -1, 0, 1], [[0] * 4], 5e-3),
    "wood": (wood, [-3, -1, -3, -1], [[1] * 4], 1e-6),
    "helical": (helical, [-1, 0, 0], [[1, 0, 0]], 1e-6),
    "himmelblau": (
        himmelblau,
        [0, 0],
        [[3, 2], [-2.805118086952745, 3.131312518250573], [-3.779310253377747, -3.28318599128617], [3.584428340330492, -1.848126526964404]],
        1e-6,
    ),
}


def scipy_run(name, n, method):
    f, start, minima, tolerance = STARTS.get(name) or (rosenbrock, [-1.2, 1.0] * (n // 2), [[1.0] * n], 1e-6)
    gradient, hessian = jax.jit(jax.grad(f)), jax.jit(jax.hessian(f))
    product = jax.jit(lambda x, v: jax.jvp(jax.grad(f), (x,), (v,))[1])
    counts = {"gradients": 0, "products": 0}

    def jac(x):
        counts["gradients"] += 1
        return np.asarray(gradient(x))

    def hess(x):
        counts["products"] += n
        return np.asarray(hessian(x))

    def hessp(x, v):
        counts["products"] += 1
        return np.asarray(product(x, v))

    value = jax.jit(f)
    more = {"trust-exact": {"hess": hess}, "trust-ncg": {"hessp": hessp}, "Newton-CG": {"hessp": hessp}}.get(method, {})
    options = {"L-BFGS-B": {"gtol": 1e-8, "ftol": 0, "maxiter": 5000}, "Newton-CG": {"xtol": 1e-8, "maxiter": 5000}}
    options = options.get(method, {"gtol": 1e-8, "maxiter": 5000})
    found = minimize(lambda x: float(value(x)), np.array(start, float), jac=jac, method=method, options=options, **more)
    near = any(np.all(np.abs(found.x - np.array(x)) <= tolerance) for x in minima)
    # 1 says that the largest number of iterations was reached.
    return max(counts["gradients"], found.nfev), counts["products"], near and found.status != 1


def cell(evaluations, products, found):
    return f"{evaluations}" + (f" + {products}" if products else "") if found else "-"


def main():
    warnings.simplefilter("ignore")
    # Counts do not depend on the profile, and this one is built for the tests.
    command = ["cargo", "bench", "--quiet", "--profile", "dev", "-p", "tape-solve", "--bench", "minima"]
    ours = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout
    print("| problem | n | method | evaluations + products | SciPy's |\n|---|--:|---|--:|--:|")
    ratios = []
    for line in map(json.loads, ours.splitlines()):
        theirs = scipy_run(line["problem"], line["n"], line["method"])
        mine = (line["evaluations"], line["products"], line["found"])
        print(f"| {line['problem']} | {line['n']} | {line['method']} | {cell(*mine)} | {cell(*theirs)} |")
        if mine[2] and theirs[2]:
            ratios.append((mine[0] + mine[1]) / (theirs[0] + theirs[1]))
    print(f"\nThe geometric mean of the ratios is {math.exp(sum(map(math.log, ratios)) / len(ratios)):.2f}, of {len(ratios)} runs that both finished.")


if __name__ == "__main__":
    main()
