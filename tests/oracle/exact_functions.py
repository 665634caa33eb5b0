"""Values and derivatives of the functions of functions.json to full double precision, as JSON on standard output.

pip install mpmath
python exact_functions.py functions.json > exact_functions.json

Each row is x, f, f', f'', rounded from 500 digits. Where a function is not smooth or not real, the row of PyTorch is kept.
"""
import json, sys

from mpmath import mp, mpf, mpc, diff, erf, erfc, exp, expm1, log, sqrt, tanh, cosh, sinh, sin, cos, tan, pi, inf
from mpmath import asin, acos, atan, asinh, acosh, atanh, log1p

mp.dps = 500
ALPHA, SCALE = mpf("1.6732632423543772848170429916717"), mpf("1.0507009873554804934193349852946")


def sigmoid(x):
    return 1 / (1 + exp(-x))


def softplus(x):
    return log1p(exp(x))


def clip(x):
    return min(max(x, mpf(0)), mpf(1))


FUNCTIONS = {
    "neg": lambda x: -x, "abs": abs, "square": lambda x: x * x, "recip": lambda x: 1 / x,
    "sqrt": sqrt, "rsqrt": lambda x: 1 / sqrt(x), "cbrt": lambda x: (1 if x > 0 else -1) * abs(x) ** (mpf(1) / 3),
    "exp": exp, "exp2": lambda x: mpf(2) ** x, "expm1": expm1,
    "ln": log, "log2": lambda x: log(x) / log(2), "log10": lambda x: log(x) / log(10), "ln_1p": log1p,
    "sin": sin, "cos": cos, "tan": tan, "asin": asin, "acos": acos, "atan": atan, "sinh": sinh, "cosh": cosh, "tanh": tanh,
    "asinh": asinh, "acosh": acosh, "atanh": atanh, "erf": erf, "powi3": lambda x: x ** 3, "powi_m2": lambda x: x ** -2,
    "powf1.7": lambda x: x ** mpf(1.7), "relu": lambda x: max(x, mpf(0)),
    "leaky_relu0.01": lambda x: x if x > 0 else mpf(0.01) * x, "elu": lambda x: x if x > 0 else expm1(x),
    "selu": lambda x: SCALE * (x if x > 0 else ALPHA * expm1(x)), "celu": lambda x: x if x > 0 else expm1(x),
    "softplus": softplus, "sigmoid": sigmoid, "log_sigmoid": lambda x: -softplus(-x), "silu": lambda x: x * sigmoid(x),
    "gelu": lambda x: x * erfc(-x / sqrt(2)) / 2,
    "gelu_tanh": lambda x: x * sigmoid(2 * sqrt(2 / pi) * (x + mpf(0.044715) * x ** 3)),
    "mish": lambda x: x * tanh(softplus(x)), "softsign": lambda x: x / (1 + abs(x)),
    "hard_tanh": lambda x: min(max(x, mpf(-1)), mpf(1)), "hard_sigmoid": lambda x: clip(x / 6 + mpf(1) / 2),
    "hard_swish": lambda x: x * clip(x / 6 + mpf(1) / 2), "tanhshrink": lambda x: x - tanh(x),
}
# At these the function is not smooth, or its argument not in its domain.
NOT_SMOOTH = {"hard_tanh": {-1.0, 1.0}, "asin": {-1.0, 1.0}, "acos": {-1.0, 1.0}, "acosh": {1.0}, "atanh": {-1.0, 1.0}, "ln_1p": {-1.0}}


def number(v):
    return float(v) if abs(v) < mpf(10) ** 309 else (inf if v > 0 else -inf)


def row(name, f, old):
    x = mpf(old[0])
    if old[0] in NOT_SMOOTH.get(name, ()) or isinstance(f(x), mpc):
        return old
    # Hundreds of digits of a difference between points 10^-100 apart; nothing here changes faster.
    return [old[0]] + [number(diff(f, x, n, h=mpf(10) ** -100)) for n in range(3)]


def clean(v):
    return [clean(x) for x in v] if isinstance(v, list) else (str(v) if v is None or v != v or v in (inf, -inf) else v)


old = json.load(open(sys.argv[1]))["functions"]
new = {name: [clean([None if v is None else (float(v) if isinstance(v, str) else v) for v in row(name, f, r)]) for r in old[name]] for name, f in FUNCTIONS.items()}
for rows in new.values():
    for r in rows:
        for i, v in enumerate(r):
            if v in ("+inf",):
                r[i] = "inf"
json.dump({"columns": ["x", "f", "df", "d2f"], "functions": new}, sys.stdout, separators=(",", ":"))
