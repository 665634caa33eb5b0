"""Patterns of Jacobians and Hessians and numbers of colours by asdex and sparsejac, as JSON on standard output.

pip install asdex sparsejac scipy
python sparse_patterns.py > sparse_patterns.json

The functions are those of the tests of both packages (the heat equation, Rosenbrock's function, convolutions), and classical ones of the
literature; the matrices are a few of papers, bands, arrows and random ones. tests/solve/sparse/peers.rs has the same functions.
A case has its shape, its places as rows of column numbers, and the number of colours of the best mode of each package.
"""
import json
import warnings

import asdex
import jax
import jax.numpy as jnp
import numpy as np
import scipy.sparse as sp
from sparsejac import sparsejac

warnings.simplefilter("ignore")
jax.config.update("jax_enable_x64", True)


def heat(u):
    padded = jnp.concatenate([jnp.zeros(1), u, jnp.zeros(1)])
    return padded[:-2] - 2 * padded[1:-1] + padded[2:]


def convolution_1d(x):
    return jnp.convolve(x, jnp.asarray([1.0, -2.0, 1.0]), mode="valid") ** 2


def convolution_2d(x):
    return (jax.scipy.signal.convolve2d(x.reshape(12, 12), jnp.ones((3, 3)), mode="valid") ** 2).flatten()


def brusselator(x):
    """Two fields on a periodic grid of 6 × 6."""
    u, v = x[:36].reshape(6, 6), x[36:].reshape(6, 6)

    def laplace(w):
        return sum(jnp.roll(w, s, a) for s in (1, -1) for a in (0, 1)) - 4 * w

    du = 1 + u**2 * v - 4.4 * u + 0.1 * laplace(u)
    dv = 3.4 * u - u**2 * v + 0.1 * laplace(v)
    return jnp.concatenate([du.flatten(), dv.flatten()])


def broyden_tridiagonal(x):
    padded = jnp.concatenate([jnp.zeros(1), x, jnp.zeros(1)])
    return (3 - 2 * x) * x - padded[:-2] - 2 * padded[2:] + 1


def bundle(x):
    """Five cameras of three numbers each see eight points of two numbers, but camera c does not see point p where (c + p) % 3 = 0."""
    cameras, points = x[:15].reshape(5, 3), x[15:].reshape(8, 2)
    seen = [(c, p) for c in range(5) for p in range(8) if (c + p) % 3]
    return jnp.stack([cameras[c, 0] * points[p, 0] + cameras[c, 1] * points[p, 1] + cameras[c, 2] for c, p in seen])


def rosenbrock(x):
    return jnp.sum((1 - x[:-1]) ** 2 + 100 * (x[1:] - x[:-1] ** 2) ** 2)


def wood(x):
    a, b, c, d = x[0::4], x[1::4], x[2::4], x[3::4]
    return jnp.sum(100 * (b - a**2) ** 2 + (1 - a) ** 2 + 90 * (d - c**2) ** 2 + (1 - c) ** 2 + 10 * (b + d - 2) ** 2 + (b - d) ** 2 / 10)


def plate(x):
    """The area of a membrane over a grid of 8 × 8."""
    w = jnp.pad(x.reshape(8, 8), 1)
    return jnp.sum(jnp.sqrt(1 + (w[1:, :-1] - w[:-1, :-1]) ** 2 + (w[:-1, 1:] - w[:-1, :-1]) ** 2))


def arrow(x):
    return jnp.sum(x[0] * x[1:]) + jnp.sum(x**4)


def star_without_diagonal(x):
    return x[0] * x[1] + x[0] * x[2] + x[1] * x[3] + x[2] * x[3]


JACOBIANS = {
    "heat": (heat, 200),
    "convolution_1d": (convolution_1d, 50),
    "convolution_2d": (convolution_2d, 144),
    "brusselator": (brusselator, 72),
    "broyden_tridiagonal": (broyden_tridiagonal, 60),
    "bundle": (bundle, 31),
}
HESSIANS = {
    "rosenbrock": (rosenbrock, 200),
    "wood": (wood, 40),
    "plate": (plate, 64),
    "arrow": (arrow, 50),
    "star_without_diagonal": (star_without_diagonal, 4),
}


def band(n, width):
    i, j = np.indices((n, n))
    return abs(i - j) <= width


def symmetric(n, edges):
    matrix = np.eye(n, dtype=bool)
    for i, j in edges:
        matrix[i, j] = matrix[j, i] = True
    return matrix


def grid(n, diagonal):
    """The neighbours in a square grid, of five or nine points."""
    line = band(n, 1)
    return np.kron(line, line) if diagonal else np.kron(np.eye(n, dtype=bool), line) | np.kron(line, np.eye(n, dtype=bool))


def matrices():
    random = np.random.default_rng(7)
    # Figures 4.1 and 6.1 of Gebremedhin, Manne & Pothen 2005.
    yield "figure_4_1", symmetric(6, [(0, 1), (1, 2), (1, 4), (1, 5), (2, 3), (3, 5)])
    yield "figure_6_1", symmetric(10, [(0, 1), (0, 6), (1, 2), (1, 4), (2, 3), (2, 5), (3, 9), (4, 5), (4, 7), (5, 8), (6, 7), (7, 8), (8, 9)])
    for width in (1, 2, 3, 5):
        yield f"band_{width}", band(20, width)
    yield "grid_5", grid(7, False)
    yield "grid_9", grid(7, True)
    for k, (n, share) in enumerate([(15, 0.3), (15, 0.6), (40, 0.05), (40, 0.1), (60, 0.08)]):
        upper = np.triu(random.random((n, n)) < share, 1)
        yield f"random_symmetric_{k}", upper | upper.T | np.eye(n, dtype=bool)
        yield f"random_hollow_{k}", upper | upper.T
    for k, (m, n, share) in enumerate([(30, 20, 0.1), (20, 30, 0.1), (50, 50, 0.05), (60, 40, 0.15), (10, 80, 0.1)]):
        yield f"random_{k}", random.random((m, n)) < share


def by_sparsejac(matrix):
    """Colours of columns and rows by the package's own greedy colouring, and the better of the two."""
    matrix = sp.csr_matrix(matrix.astype(int))
    columns = sparsejac._greedy_color(sparsejac._input_connectivity_from_sparsity(matrix), "largest_first")[1]
    rows = sparsejac._greedy_color(sparsejac._output_connectivity_from_sparsity(matrix), "largest_first")[1]
    return int(min(columns, rows))


def case(sparsity, is_hessian):
    matrix = np.asarray(sparsity.todense()) != 0
    found = {"rows": [np.flatnonzero(row).tolist() for row in matrix], "cols": matrix.shape[1]}
    if is_hessian:
        colorings = [asdex.hessian_coloring_from_sparsity(sparsity, postprocess=on) for on in (False, True)]
        found["asdex"] = int(min(coloring.num_colors for coloring in colorings))
    else:
        modes = [asdex.jacobian_coloring_from_sparsity(sparsity, mode=mode).num_colors for mode in ("fwd", "rev")]
        found["asdex"], found["sparsejac"] = int(min(modes)), by_sparsejac(matrix)
    return found


def main():
    of = asdex.SparsityPattern.from_dense
    jacobians = {name: case(asdex.jacobian_sparsity(f, np.zeros(n)), False) for name, (f, n) in JACOBIANS.items()}
    hessians = {name: case(asdex.hessian_sparsity(f, np.zeros(n)), True) for name, (f, n) in HESSIANS.items()}
    shapes = list(matrices())
    of_jacobian = {name: case(of(matrix.astype(int)), False) for name, matrix in shapes}
    of_hessian = {name: case(of(matrix.astype(int)), True) for name, matrix in shapes if not name[7:].isdigit()}
    everything = {"jacobians": jacobians, "hessians": hessians, "matrices": of_jacobian, "symmetric": of_hessian}
    print("{")
    for k, (kind, cases) in enumerate(everything.items()):
        print(f'"{kind}": {{')
        print(",\n".join(f'"{name}": {json.dumps(found, separators=(",", ":"))}' for name, found in cases.items()))
        print("}" + ("," if k < 3 else ""))
    print("}")


main()
