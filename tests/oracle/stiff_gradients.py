"""The errors of the gradient of van der Pol's equation, by SciPy.

    pip install scipy
    python stiff_gradients.py

It integrates the equations of the sensitivities with Radau, once with the error of y and of the sensitivities below the tolerance and once with that
of y alone, as programs do that find the steps first and differentiate them afterwards. The reference is that of `ode.json`. It prints the
largest errors of y and of the gradient as multiples of rtol, and the number of evaluations.
"""

import json
from pathlib import Path

import numpy as np
from scipy.integrate import solve_ivp

problem = json.loads((Path(__file__).parent / "ode.json").read_text())["van_der_pol"]
[mu], times, size = problem["parameters"], problem["times"], np.array(problem["size"])
unit = np.array([mu, *size])  # the parameter and the initial values move by their sizes


def jacobian(y):
    return np.array([[0, 1], [-2 * mu * y[0] * y[1] - 1, mu * (1 - y[0] ** 2)]])


def slope(_, z):
    y, s = z[:2], z[2:].reshape(2, 3)
    moved = jacobian(y) @ s
    moved[1, 0] += mu * (1 - y[0] ** 2) * y[1]
    return np.concatenate([[y[1], mu * (1 - y[0] ** 2) * y[1] - y[0]], moved.ravel()])


def derivative(_, z):
    (x, v), s = z[:2], z[2:].reshape(2, 3)
    all_ = np.zeros((8, 8))
    all_[:2, :2] = jacobian([x, v])
    by_x, by_v = [np.array(m) @ s for m in ([[0, 0], [-2 * mu * v, -2 * mu * x]], [[0, 0], [-2 * mu * x, 0]])]
    by_x[1, 0] -= 2 * mu * x * v
    by_v[1, 0] += mu * (1 - x**2)
    all_[2:, 0], all_[2:, 1] = by_x.ravel(), by_v.ravel()
    all_[2:, 2:] = np.kron(jacobian([x, v]), np.eye(3))
    return all_


start = np.concatenate([problem["start"], np.hstack([np.zeros((2, 1)), np.diag(size)]).ravel()])
weights = (1.0 + np.arange(8)).reshape(4, 2) / size
exact = np.array(problem["by_parameters"] + problem["by_start"]) * unit
for rtol in [1e-5, 1e-7, 1e-9]:
    for what, sensitive in [("y and sensitivities", 1e-2 * rtol * np.repeat(size, 3)), ("y alone", np.full(6, 1e30))]:
        atol = np.concatenate([1e-2 * rtol * size, sensitive])
        run = solve_ivp(slope, (0, times[-1]), start, method="Radau", t_eval=times, rtol=rtol, atol=atol, jac=derivative)
        assert run.success, run.message
        y = np.max(np.abs(run.y[:2].T - problem["y"]) / size) / rtol
        gradient = sum(weights[k] @ run.y[2:, k + 1].reshape(2, 3) for k in range(4))
        error = np.max(np.abs(gradient - exact)) / np.max(np.abs(exact)) / rtol
        print(f"rtol {rtol:.0e}, error of {what}: y {y:.2f} rtol, gradient {error:.0f} rtol, {run.nfev} evaluations")
