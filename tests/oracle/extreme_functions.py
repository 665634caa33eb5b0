"""f, f' and f'' of every function of the table at 0, at tiny, large and infinite numbers, as JSON on standard output.

pip install mpmath
python extreme_functions.py > extreme_functions.json

Each row is x, f, f', f'', rounded from 700 digits. The points are numbers of single precision where its range allows. ±10^400 stands
for ±∞: what it gives, beyond 100 or below 10^-100, is rounded to the limit. Kinks, points outside of the domain and functions without a limit have no row.
"""
import json
import sys
from math import inf
import mpmath
from mpmath import mp, mpf, mpc, cbrt, exp, expm1, log, log1p, sqrt, tanh, cosh, sinh, sin, cos, tan, pi
from mpmath import asin, acos, atan, asinh, acosh, atanh

mp.dps = 700
ALPHA, SCALE = mpf(1.6732632423543772), mpf(1.0507009873554805)
GELU = [mpf(1.5957691216057308), mpf(1.5957691216057308 * 0.044715)]
HUGE = mpf(10) ** 400


def erfc(x):
    if abs(x) < 10**5:
        return mpmath.erfc(x)
    far = exp(-x * x) / (abs(x) * sqrt(pi))
    return far if x > 0 else 2 - far


def erf(x):
    return 1 - erfc(x) if abs(x) > 1 else mpmath.erf(x)


def sigmoid(x):
    return 1 / (1 + exp(-x)) if x > 0 else exp(x) / (1 + exp(x))


def softplus(x):
    return max(x, mpf(0)) + log1p(exp(-abs(x)))


def clip(x):
    return min(max(x, mpf(0)), mpf(1))


def relu(x):
    return max(x, mpf(0))


def elu(x, a, b=1):
    return x if x > 0 else a * expm1(x / b)


def erfinv(x):
    if abs(x) >= 1:
        raise ValueError
    y = mpmath.erfinv(x) if abs(x) > mpf(10) ** -50 else x * sqrt(pi) / 2
    slope = sqrt(pi) / 2 * exp(y * y)
    return [y, slope, 2 * y * slope**2]


def gamma_family(n):
    """ln |gamma| for n = -1, its derivatives psi, psi', ... from there on."""
    def f(x):
        if x <= 0 and mpmath.isint(x):
            raise ValueError
        return [mpmath.psi(k, x).real if k >= 0 else mpmath.loggamma(x).real for k in range(n, n + 3)]
    return f


def sinc(n):
    """The nth derivative of sin(pi x) / (pi x) and the next two: the series about 0, which converges everywhere."""
    @mpmath.workdps(150)
    def f(x):
        terms = 40 + int(abs(10 * x))
        of = lambda n: pi**n * mpmath.fsum((-1) ** k * (pi * x) ** (2 * k - n) / (mpmath.factorial(2 * k - n) * (2 * k + 1)) for k in range((n + 1) // 2, terms))
        return [mpf(0) if k == 0 and x and x == mpmath.floor(x) else of(k) for k in range(n, n + 3)]
    return f


FUNCTIONS = {
    "Square": lambda x: x * x, "OneMinusSquare": lambda x: 1 - x * x, "Recip": lambda x: 1 / x,
    "Under(-2.5)": lambda x: mpf(-2.5) / x, "Under(3.0)": lambda x: 3 / x, "Sqrt": sqrt, "Root": sqrt,
    "Rsqrt": lambda x: 1 / sqrt(x), "Cbrt": lambda x: cbrt(x) if x > 0 else -cbrt(-x),
    **{f"Powi({n})": (lambda n: lambda x: x ** n)(n) for n in [-3, -2, -1, 0, 1, 2, 3, 4]},
    **{f"Powf({p})": (lambda p: lambda x: x ** mpf(p))(p) for p in [-0.5, 0.0, 1.0, 1.7, 2.0]},
    "Exp": exp, "Exp2": lambda x: mpf(2) ** x, "ExpM1": expm1,
    "Ln": log, "Log2": lambda x: log(x) / log(2), "Log10": lambda x: log(x) / log(10), "Ln1p": log1p,
    "Sin": sin, "Cos": cos, "Tan": tan, "Asin": asin, "Acos": acos, "Atan": atan, "Sinh": sinh, "Cosh": cosh, "Tanh": tanh,
    "Asinh": asinh, "Acosh": acosh, "Atanh": atanh, "Abs": abs, "Sign": lambda x: mpf((x > 0) - (x < 0)), "Step": lambda x: mpf(x > 0),
    "AtLeast(0.5)": lambda x: max(x, mpf(0.5)), "AtMost(0.5)": lambda x: min(x, mpf(0.5)),
    "Sigmoid": sigmoid, "LogSigmoid": lambda x: -softplus(-x), "Softplus": softplus, "Relu": relu,
    "LeakyRelu(0.01)": lambda x: x if x > 0 else mpf(0.01) * x, "LeakyRelu(0.0)": relu,
    "Elu(1.0)": lambda x: elu(x, 1), "Elu(0.7)": lambda x: elu(x, mpf(0.7)), "Selu": lambda x: SCALE * elu(x, ALPHA),
    "Celu(1.0)": lambda x: elu(x, 1), "Celu(0.7)": lambda x: elu(x, mpf(0.7), mpf(0.7)),
    "Silu": lambda x: x * sigmoid(x), "Gelu": lambda x: x * erfc(-x / sqrt(2)) / 2,
    "GeluTanh": lambda x: x * sigmoid(x * (GELU[0] + GELU[1] * x * x)), "Mish": lambda x: x * tanh(softplus(x)),
    "Softsign": lambda x: x / (1 + abs(x)), "HardTanh": lambda x: min(max(x, mpf(-1)), mpf(1)),
    "HardSigmoid": lambda x: clip(x / 6 + mpf(1) / 2), "HardSwish": lambda x: x * clip(x / 6 + mpf(1) / 2),
    "Tanhshrink": lambda x: x - tanh(x), "Erf": erf, "Erfc": erfc,
}
# Functions with exact derivatives.
FAMILIES = {
    "ErfInv": erfinv, "LnGamma": gamma_family(-1), "Digamma": gamma_family(0), "Polygamma(1)": gamma_family(1), "Polygamma(2)": gamma_family(2),
    "Sinc": sinc(0), "SincDerivative(1)": sinc(1), "SincDerivative(2)": sinc(2),
}
KINKS = {"Abs": [0], "Sign": [0], "Step": [0], "AtLeast(0.5)": [0.5], "AtMost(0.5)": [0.5], "Relu": [0], "LeakyRelu(0.01)": [0], "LeakyRelu(0.0)": [0],
         "Elu(1.0)": [0], "Elu(0.7)": [0], "Selu": [0], "Celu(1.0)": [0], "Celu(0.7)": [0], "Softsign": [0], "HardTanh": [-1, 1], "HardSigmoid": [-3, 3],
         "HardSwish": [-3, 3], "Asin": [1, -1], "Acos": [1, -1], "Acosh": [1], "Atanh": [1, -1], "Cbrt": [0]}
# Without a limit, or only one from a side.
PERIODIC = ("Sin", "Cos", "Tan", "Sinc", "SincDerivative(1)", "SincDerivative(2)")
SIZES = [2.0**k for k in (-1060, -600, -300, -140, -60, -27, -10)] + [0.25, 0.5, 1.0, 3.0, 5.5, 20.0, 45.0, 90.0] + [2.0**k for k in (10, 40, 100, 126, 300, 600, 1020)]
GAMMA = [1e-5, 0.1, 0.4, 0.75, 0.999, 1.001, 1.25, 1.46, 1.4616, 1.465, 1.5, 1.75, 1.999, 2.0, 2.001, 2.4, 2.6, 4.5, 7.3, 9.9, 10.0, 10.1, 11.5, 12.9, 33.3, 1e3, 1e5]
GAMMA += [-1e-5, -0.3, -0.501, -0.999, -1.3, -1.75, -2.4, -2.6, -3.5, -7.25, -9.8, -10.3, -14.6, -100.3, -1000.7]
# More points of functions whose formulas change there, or that have zeros near.
MORE = {
    **dict.fromkeys(["LnGamma", "Digamma", "Polygamma(1)", "Polygamma(2)"], GAMMA),
    "ErfInv": [s * x for x in [1e-3, 0.1, 0.3, 0.499, 0.501, 0.7, 0.84, 0.9, 0.99, 0.998, 0.9987, 1 - 1e-5, 1 - 2.0**-20, 1 - 2.0**-24, 1 - 2.0**-40, 1 - 2.0**-53] for s in (1, -1)],
    **dict.fromkeys(["Sinc", "SincDerivative(1)", "SincDerivative(2)"], [0.01, 0.1, 0.3, 0.31, 0.32, 0.6, 0.64, 0.7, 0.9, 0.95, 0.96, 1.3, 1.5, -1.7, 2.0, -2.75, 10.1, 33.3, 99.0]),
}
POINTS = [0.0] + [s * x for x in SIZES for s in (1, -1)] + [inf, -inf]


def number(v, infinite):
    if infinite and (abs(v) > 100 or abs(v) < mpf(10) ** -100):
        v = v * HUGE * HUGE if abs(v) > 100 else mpf(0)
    v = float(v) if abs(v) < mpf(10) ** 309 else (inf if v > 0 else -inf)
    return str(v) if v in (inf, -inf) else v


def derivatives(name, f, x):
    """By differences with a step of 10^-320 times x: what they lose is far below the digits that are kept."""
    if x == 0:
        h = mpf(10) ** -200
    else:
        h = abs(x) * mpf(10) ** -200 if abs(x) > 1 else min(abs(x), 1) * mpf(10) ** -150
    a, b, c = f(x - h), f(x), f(x + h)
    return [b, (c - a) / (2 * h), (a - 2 * b + c) / (h * h)]


def rows(name, f):
    for x in POINTS + MORE.get(name, []):
        at = mpf(x) if abs(x) != inf else (HUGE if x > 0 else -HUGE)
        if any(x == k for k in KINKS.get(name, ())) or name in PERIODIC and abs(x) > 100:
            continue
        try:
            with mpmath.workdps(60 if name in FAMILIES else mp.dps):
                found = f(at) if name in FAMILIES else derivatives(name, f, at)
        except (ZeroDivisionError, ValueError):
            continue
        if any(isinstance(v, mpc) for v in found) or any(v != v for v in found):
            continue
        yield [x if abs(x) != inf else str(x)] + [number(v, abs(x) == inf) for v in found]


FUNCTIONS |= FAMILIES
json.dump({name: list(rows(name, FUNCTIONS[name])) for name in sys.argv[1:] or FUNCTIONS}, sys.stdout, separators=(",", ":"))
