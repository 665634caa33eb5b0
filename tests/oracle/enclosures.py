"""Proved values and slopes of every function of the table, as JSON on standard output.

pip install python-flint
python enclosures.py > enclosures.json

Each number is a ball of Arb, stored as a middle and a radius: the double that is nearest to the ball, and a bound on the distance of the
exact number from it. Slopes are the second coefficients of power series, so no formula of a slope stands here.
A row is x, value, slope, or a, b, value, and both slopes. Constants that the table has as doubles are these doubles.
"""
import json
import math
import sys
from fractions import Fraction

from flint import arb, arb_series, ctx, fmpq

ctx.prec = 1000
ctx.cap = 8
HALF, ONE, TWO, PI = arb(0.5), arb(1), arb(2), arb.pi()
ALPHA, SCALE = arb(1.6732632423543772), arb(1.0507009873554805)
GELU = [arb(1.5957691216057308), arb(1.5957691216057308 * 0.044715)]


def at(s):
    """The number at which a series is taken."""
    return s[0]


def log1p(x):
    return (ONE + x).log()


def expm1(x):
    return x.exp() - ONE


def sinh(x):
    return (x.exp() - (-x).exp()) * HALF


def cosh(x):
    return (x.exp() + (-x).exp()) * HALF


def tanh(x):
    return ONE - TWO / ((x * TWO).exp() + ONE)


def sigmoid(x):
    return ONE / (ONE + (-x).exp())


def softplus(x):
    return log1p(x.exp())


def cbrt(x):
    return (x.log() / 3).exp() if at(x) > 0 else -((-x).log() / 3).exp()


def power(x, p):
    return (x.log() * p).exp()


def largest(x, c):
    return x if at(x) > c else x * 0 + c


def least(x, c):
    return x if at(x) < c else x * 0 + c


def elu(x, a, b=ONE):
    return x if at(x) > 0 else a * expm1(x / b)


def absolute(x):
    return x if at(x) > 0 else -x


def series(coefficients, x):
    """Of a function whose Taylor coefficients at the number are known, at a series."""
    return arb_series(coefficients) if len(x.coeffs()) > 1 else arb_series(coefficients[:1])


def erf_inv(x):
    y = at(x).erfinv()
    return series([y, (y * y).exp() * PI.sqrt() / 2], x)


def ln_gamma(x):
    # |Gamma(x)| = |Gamma(x + n)| / |x (x + 1) ... (x + n - 1)|
    n = max(0, 1 - math.floor(float(at(x).mid())))
    value = (x + n).lgamma()
    for k in range(n):
        value -= absolute(x + k).log()
    return value


def derivative_of_ln_gamma(n, x):
    """The nth derivative of ln |Gamma| and its slope."""
    ctx.cap = n + 2
    c = ln_gamma(arb_series([at(x), 1]))
    ctx.cap = 8
    return series([c[n] * arb.fac_ui(n), c[n + 1] * arb.fac_ui(n + 1)], x)


def sinc(n, x):
    """The nth derivative of sin(pi x) / (pi x) and its slope."""
    ctx.cap = n + 3
    t = arb_series([at(x), 1]) * PI
    c = t.sin() / t if at(x) != 0 else None
    ctx.cap = 8
    return series([c[n] * arb.fac_ui(n), c[n + 1] * arb.fac_ui(n + 1)], x)


def quotient(a, b, rounding):
    """floor or trunc of a / b, of doubles, exactly."""
    return rounding(Fraction(float(at(a))) / Fraction(float(at(b))))


def atan2(a, b):
    if at(b) > 0:
        return (a / b).atan()
    return (PI if at(a) > 0 else -PI) + (a / b).atan()


def bce(x, t):
    # -ln sigma(x) = softplus(x) - x and -ln(1 - sigma(x)) = softplus(x)
    return softplus(x) - t * x


ONE_OPERAND = {
    "Square": lambda x: x * x, "OneMinusSquare": lambda x: ONE - x * x, "Recip": lambda x: ONE / x,
    "Under(-2.5)": lambda x: arb(-2.5) / x, "Under(3.0)": lambda x: arb(3) / x, "Sqrt": lambda x: x.sqrt(), "Root": lambda x: x.sqrt(),
    "Rsqrt": lambda x: ONE / x.sqrt(), "Cbrt": cbrt,
    **{f"Powi({n})": (lambda n: lambda x: x * 0 + ONE if n == 0 else math.prod([x] * n, start=ONE) if n > 0 else ONE / math.prod([x] * -n, start=ONE))(n) for n in [-3, -2, -1, 0, 1, 2, 3, 4]},
    **{f"Powf({p})": (lambda p: lambda x: power(x, arb(p)))(p) for p in [-0.5, 1.7]},
    "Exp": lambda x: x.exp(), "Exp2": lambda x: (x * TWO.log()).exp(), "ExpM1": expm1,
    "Ln": lambda x: x.log(), "Log2": lambda x: x.log() / TWO.log(), "Log10": lambda x: x.log() / arb(10).log(), "Ln1p": log1p,
    "Sin": lambda x: x.sin(), "Cos": lambda x: x.cos(), "Tan": lambda x: x.tan(), "Asin": lambda x: x.asin(), "Acos": lambda x: x.acos(),
    "Atan": lambda x: x.atan(), "Sinh": sinh, "Cosh": cosh, "Tanh": tanh,
    "Asinh": lambda x: (x + (x * x + ONE).sqrt()).log(), "Acosh": lambda x: (x + ((x - ONE) * (x + ONE)).sqrt()).log(),
    "Atanh": lambda x: ((ONE + x) / (ONE - x)).log() * HALF,
    "Abs": absolute, "Sign": lambda x: x * 0 + (1 if at(x) > 0 else -1), "Step": lambda x: x * 0 + (1 if at(x) > 0 else 0),
    "AtLeast(0.5)": lambda x: largest(x, HALF), "AtMost(0.5)": lambda x: least(x, HALF),
    "Sigmoid": sigmoid, "LogSigmoid": lambda x: -softplus(-x), "Softplus": softplus, "Relu": lambda x: largest(x, arb(0)),
    "LeakyRelu(0.01)": lambda x: x if at(x) > 0 else arb(0.01) * x,
    "Elu(1.0)": lambda x: elu(x, ONE), "Elu(0.7)": lambda x: elu(x, arb(0.7)), "Selu": lambda x: SCALE * elu(x, ALPHA),
    "Celu(1.0)": lambda x: elu(x, ONE), "Celu(0.7)": lambda x: elu(x, arb(0.7), arb(0.7)),
    "Silu": lambda x: x * sigmoid(x), "Gelu": lambda x: x * (-x / TWO.sqrt()).erfc() * HALF,
    "GeluTanh": lambda x: x * sigmoid(x * (GELU[0] + GELU[1] * x * x)), "Mish": lambda x: x * tanh(softplus(x)),
    "Softsign": lambda x: x / (ONE + absolute(x)), "HardTanh": lambda x: least(largest(x, -ONE), ONE),
    "HardSigmoid": lambda x: least(largest(x / 6 + HALF, arb(0)), ONE), "HardSwish": lambda x: x * least(largest(x / 6 + HALF, arb(0)), ONE),
    "Tanhshrink": lambda x: x - tanh(x), "Erf": lambda x: x.erf(), "Erfc": lambda x: x.erfc(), "ErfInv": erf_inv, "LnGamma": ln_gamma,
    "Digamma": lambda x: derivative_of_ln_gamma(1, x),
    **{f"Polygamma({n})": (lambda n: lambda x: derivative_of_ln_gamma(n + 1, x))(n) for n in [1, 2]},
    "Sinc": lambda x: sinc(0, x), **{f"SincDerivative({n})": (lambda n: lambda x: sinc(n, x))(n) for n in [1, 2]},
}
TWO_OPERANDS = {
    "Mul": lambda a, b: a * b, "Div": lambda a, b: a / b, "SquaredError": lambda a, b: (a - b) * (a - b), "BceWithLogits": bce,
    "Max": lambda a, b: a if at(a) > at(b) else b, "Min": lambda a, b: a if at(a) < at(b) else b, "Pow": lambda a, b: (a.log() * b).exp(),
    "Atan2": atan2, "Hypot": lambda a, b: (a * a + b * b).sqrt(), "LogAddExp": lambda a, b: (a.exp() + b.exp()).log(),
    "Remainder": lambda a, b: a - b * quotient(a, b, math.floor), "Fmod": lambda a, b: a - b * quotient(a, b, math.trunc),
    "Copysign": lambda a, b: absolute(a) if at(b) > 0 else -absolute(a),
    "Keep": lambda a, b: b if at(a) != 0 else b * 0, "Drop": lambda a, b: b if at(a) == 0 else b * 0, "Weigh": lambda a, b: a * b,
    "WeighBoth": lambda a, b: a * b,
}
ANY = [1e-8, 0.1, 0.7, 1.3, 3.7, 9.25, 20.3, -1e-8, -0.1, -0.7, -1.3, -3.7, -9.25, -20.3]
POSITIVE = [1e-100, 1e-8, 0.1, 0.7, 0.999, 1.001, 1.3, 3.7, 9.25, 20.3, 1e5, 1e60]
WITHIN_ONE = [s * x for x in (1e-8, 0.01, 0.3, 0.7, 0.97, 1 - 2.0**-20, 1 - 2.0**-45) for s in (1, -1)]
GAMMA = [1e-8, 0.1, 0.4, 0.75, 0.999, 1.001, 1.25, 1.465, 1.75, 2.001, 2.6, 4.5, 9.9, 10.1, 33.3, 1e5]
WAVES = ANY[:7] + [0.31, 0.95, -0.32, -0.64, -1.7, -2.75, 33.3]
NEAR_KINKS = [c + s * 2.0**-30 for c in (-3, -1, 0, 0.5, 1, 3) for s in (1, -1)] + [1e3, -1e3, 0.3, -0.3]
POINTS = {
    **dict.fromkeys(["Recip", "Under(-2.5)", "Under(3.0)", "Cbrt", "Powi(-3)", "Powi(-2)", "Powi(-1)"], POSITIVE[1:] + [-x for x in POSITIVE[1:-1]]),
    **dict.fromkeys(["Sqrt", "Root", "Rsqrt", "Powf(-0.5)", "Powf(1.7)", "Ln", "Log2", "Log10"], POSITIVE),
    "Ln1p": POSITIVE[:1] + ANY[:6] + [-1e-8, -0.1, -0.7, -0.99, -1 + 2.0**-20, 1e100],
    **dict.fromkeys(["Asin", "Acos", "Atanh", "ErfInv"], WITHIN_ONE),
    "Acosh": [1 + 2.0**-45, 1 + 2.0**-20, 1.001, 1.03, 1.3, 1.7, 2.5, 3.7, 9.25, 20.3, 1e3, 1e8, 1e100],
    "Tan": [s * x for x in (1e-8, 0.1, 0.7, 1.0, 1.3, 1.499) for s in (1, -1)],
    **dict.fromkeys(["Abs", "Sign", "Step", "AtLeast(0.5)", "AtMost(0.5)", "Relu", "LeakyRelu(0.01)", "Softsign", "HardTanh", "HardSigmoid", "HardSwish"], NEAR_KINKS),
    **dict.fromkeys(["LnGamma", "Digamma", "Polygamma(1)", "Polygamma(2)"], GAMMA),
    **dict.fromkeys(["Sinc", "SincDerivative(1)", "SincDerivative(2)"], WAVES),
    **dict.fromkeys(["Exp", "Exp2", "ExpM1", "Sigmoid", "Softplus", "LogSigmoid", "Sinh", "Cosh", "Elu(1.0)", "Elu(0.7)", "Selu", "Celu(1.0)", "Celu(0.7)"], ANY + [300.5, -300.5]),
}
PAIRS = [(0.3, 0.7), (-0.3, 0.7), (1e-8, 3.7), (-1e-8, 0.1), (3.7, 1.3), (-3.7, 1.3), (20.3, 1e-3), (-20.3, 2.001), (1.001, 1.0), (0.999, 1.0), (1e5, 3.0), (7.0, 1e5)]
SIGNED = PAIRS + [(b, a) for a, b in PAIRS] + [(-a, -b) for a, b in PAIRS]
PAIR_POINTS = {
    **dict.fromkeys(["Mul", "Weigh", "WeighBoth", "Div", "SquaredError", "Max", "Min", "Hypot", "Copysign", "Remainder", "Fmod"], SIGNED),
    "Atan2": [p for p in SIGNED if p[0] != 0],
    "BceWithLogits": [(x, t) for x in (-300.5, -20.3, -0.7, -1e-8, 1e-8, 0.7, 20.3, 300.5) for t in (0.0, 0.3, 1.0)],
    "Pow": [(a, b) for a in (1e-8, 0.7, 0.999, 1.001, 3.7, 20.3) for b in (-2.5, -1e-8, 0.3, 2.9)],
    "LogAddExp": [(a, b) for a, b in SIGNED if abs(a) < 300 and abs(b) < 300] + [(700.5, 700.25), (-600.5, 3.0), (1e3, 999.0), (0.7, 0.7)],
    "Keep": SIGNED[:12], "Drop": SIGNED[:12] + [(0.0, 0.7), (0.0, -3.7)],
}


def ball(y):
    """The nearest double, and a bound on the distance from it."""
    if not isinstance(y, arb):
        y = arb(y)
    middle = float(y.mid())
    radius = float((y - arb(middle)).abs_upper())
    radius = math.nextafter(radius, math.inf) if radius else 0.0
    assert y.is_finite() and (middle == 0.0) <= (radius == 0.0) and (middle == 0.0 or abs(middle) > 1e-290), (middle, radius)
    assert radius <= math.ulp(middle), f"the ball is too wide: {y}"
    return [middle, radius]


def derivative(y):
    return y[1] if len(y.coeffs()) > 1 else arb(0)


def rows_of_one(f, points):
    for x in points:
        y = f(arb_series([x, 1]))
        yield [x, *ball(y[0]), *ball(derivative(y))]


def rows_of_two(f, points):
    for a, b in points:
        first, second = f(arb_series([a, 1]), arb_series([b])), f(arb_series([a]), arb_series([b, 1]))
        yield [a, b, *ball(first[0]), *ball(derivative(first)), *ball(derivative(second))]


ctx.cap = 8
found = {name: list(rows_of_one(f, POINTS.get(name, ANY))) for name, f in ONE_OPERAND.items()}
found |= {name: list(rows_of_two(f, PAIR_POINTS[name])) for name, f in TWO_OPERANDS.items()}
print("{" + ",\n".join(f"{json.dumps(name)}:{json.dumps(rows, separators=(',', ':'))}" for name, rows in found.items()) + "}")
