"""Solutions of differential equations by SciPy, and their gradients by diffrax.

    pip install scipy diffrax
    python ode.py > ode.json

A solution is that of SciPy's DOP853 or Radau, and its gradient that of diffrax's Dopri8 or Kvaerno5, both in double precision at the tightest
tolerances that they reach. The gradient of a stiff problem is that of SciPy's Radau on the equations of the sensitivities, because diffrax, which
keeps its steps constant in the derivative, reaches only five digits of van der Pol's. The gradient is that of L = sum of w * y over the times,
where w counts 1, 2, 3, ... through the entries of all y after the initial values, each divided by the size of its number. `differs` is how far the
two programs' solutions are apart, relative to the size of each number, and their gradients, relative to the largest entry.
"""

import json
import sys

import jax

jax.config.update("jax_enable_x64", True)

import diffrax
import jax.numpy as jnp
import numpy as np
from scipy.integrate import solve_ivp


def predator_prey(t, y, p):
    return jnp.stack([p[0] * y[0] - p[1] * y[0] * y[1], p[3] * y[0] * y[1] - p[2] * y[1]])


def driven(t, y, p):
    return jnp.stack([y[1], p[2] * jnp.cos(p[3] * t) - p[0] * jnp.sin(y[0]) - p[1] * y[1]])


def robertson(t, y, p):
    slow, fast, join = p[0] * y[0], p[1] * y[1] ** 2, p[2] * y[1] * y[2]
    return jnp.stack([join - slow, slow - join - fast, fast])


def van_der_pol(t, y, p):
    return jnp.stack([y[1], p[0] * (1 - y[0] ** 2) * y[1] - y[0]])


def kepler(t, y, p):
    r3 = (y[0] ** 2 + y[1] ** 2) ** 1.5
    return jnp.stack([y[2], y[3], -p[0] * y[0] / r3, -p[0] * y[1] / r3])


PROBLEMS = {
    "predator_prey": (predator_prey, [1.1, 0.4, 0.4, 0.1], [10.0, 5.0], [0.0, 1.0, 3.5, 10.0, 20.0], [10, 5], False),
    "driven": (driven, [2.0, 0.3, 0.7, 1.3], [0.4, -0.2], [1.0, 1.5, 4.0, 9.0], [1, 1], False),
    "backward": (driven, [2.0, 0.3, 0.7, 1.3], [0.4, -0.2], [4.0, 2.0, 1.5, -1.0], [1, 1], False),
    "kepler": (kepler, [1.0], [1.0, 0.0, 0.0, 1.2], [0.0, 1.0, 5.0, 12.0], [1, 1, 1, 1], False),
    "robertson": (robertson, [0.04, 3e7, 1e4], [1.0, 0.0, 0.0], [0.0, 0.4, 40.0, 4e3, 4e5], [1, 1e-5, 1], True),
    "van_der_pol": (van_der_pol, [1000.0], [2.0, 0.0], [0.0, 300.0, 700.0, 1200.0, 2000.0], [1, 1e-3], True),
}


def values(f, p, y0, times, size, stiff):
    f = jax.jit(f)
    slope = lambda t, y: np.asarray(f(t, y, np.array(p)))
    jac = jax.jit(jax.jacfwd(f, 1))
    settings = dict(method="Radau", jac=lambda t, y: np.asarray(jac(t, y, np.array(p)))) if stiff else dict(method="DOP853")
    out = solve_ivp(slope, (times[0], times[-1]), y0, t_eval=times, rtol=1e-12, atol=1e-14 * np.array(size), **settings)
    assert out.success, out.message
    return out.y.T


def gradients(f, p, y0, times, size, stiff):
    solver = diffrax.Kvaerno5() if stiff else diffrax.Dopri8()
    control = diffrax.PIDController(rtol=1e-10 if stiff else 1e-12, atol=(1e-12 if stiff else 1e-14) * jnp.array(size, float))
    w = (1.0 + jnp.arange((len(times) - 1) * len(y0))).reshape(-1, len(y0)) / jnp.array(size, float)

    def loss(p, y0):
        out = diffrax.diffeqsolve(
            diffrax.ODETerm(f), solver, times[0], times[-1], None, y0, p, stepsize_controller=control,
            saveat=diffrax.SaveAt(ts=jnp.array(times)), max_steps=2**17,
        )
        return jnp.sum(w * out.ys[1:]), out.ys

    (_, ys), (dp, dy) = jax.jit(jax.value_and_grad(loss, (0, 1), has_aux=True))(jnp.array(p), jnp.array(y0))
    return np.asarray(ys), np.asarray(dp), np.asarray(dy)


def sensitivities(f, p, y0, times, size):
    """The gradient of L from dy/dx, x being parameters and initial values in units of their size."""
    n, x0, unit = len(y0), np.array(p + y0), np.array(p + size, float)

    def slope(t, z):
        y, s = z[:n], z[n:].reshape(n, -1)
        column = lambda s, e: jax.jvp(lambda y, p: f(t, y, p), (y, jnp.array(p)), (s, e[: len(p)]))[1]
        moved = jax.vmap(column, (1, 0), 1)(s, jnp.diag(unit))
        return jnp.concatenate([f(t, y, jnp.array(p)), moved.ravel()])

    run, jac = jax.jit(slope), jax.jit(jax.jacfwd(slope, 1))
    start = np.concatenate([y0, np.hstack([np.zeros((n, len(p))), np.diag(size)]).ravel()])
    atol = 1e-14 * np.concatenate([size, np.repeat(np.array(size, float), len(x0))])
    out = solve_ivp(lambda t, z: np.asarray(run(t, z)), (times[0], times[-1]), start, method="Radau", t_eval=times, rtol=1e-12,
                    atol=atol, jac=lambda t, z: np.asarray(jac(t, z)))
    assert out.success, out.message
    w = (1.0 + np.arange((len(times) - 1) * n)).reshape(-1, n) / np.array(size)
    gradient = sum(w[k] @ out.y[n:, k + 1].reshape(n, -1) for k in range(len(w))) / unit
    return gradient[: len(p)], gradient[len(p) :]


found = {}
for name, (f, p, y0, times, size, stiff) in PROBLEMS.items():
    y = values(f, p, y0, times, size, stiff)
    ys, dp, dy = gradients(f, p, y0, times, size, stiff)
    differs = [float(np.max(np.abs(y - ys) / np.array(size))), None]
    if stiff:
        unit = np.array(p + size)
        theirs, (dp, dy) = np.concatenate([dp, dy]), sensitivities(f, p, y0, times, size)
        ours = np.concatenate([dp, dy])
        differs[1] = float(np.max(np.abs(ours - theirs) * unit) / np.max(np.abs(ours) * unit))
    print(name, differs, dp, dy, file=sys.stderr)
    found[name] = dict(parameters=p, start=y0, times=times, size=size, y=y.tolist(), by_parameters=dp.tolist(),
                       by_start=dy.tolist(), differs=differs)
json.dump(found, sys.stdout, indent=1)
print()
