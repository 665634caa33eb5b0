"""CasADi's C code for the gradients of ADBench's programs.

pip install casadi
python generate_casadi.py FOLDER [gmm=SAMPLES] [lstm=STEPS]

Writes FOLDER/NAME.c for casadi.c. The operations and the sums of the gradients are those of codipack.cpp. Rosenbrock's function is one
expression of single numbers (SX). The others are too large to compile in one C function, so a part of them is such an expression,
which the C code calls many times: a component of the mixture for several samples, a few steps of the LSTM.
"""
import pathlib, re, sys

import casadi
from casadi import DM, MX, SX

HERE = pathlib.Path(__file__).resolve().parent
DATA = HERE.parents[3] / "tests/adbench"
SIZES = dict(gmm=4, lstm=3)  # divisors of 1000 samples and of 1023 steps


def rosenbrock():
    n = 1000
    x = SX.sym("x", n)
    value = casadi.sumsqr(x[1:] - x[:-1] ** 2) * 100 + casadi.sumsqr(1 - x[:-1])
    return x, value, [-1.2 + 2.4 * (7919 * i % 1000) / 1000 for i in range(n)]


def log_sum_exp(x):
    greatest = x[0]
    for k in range(1, x.numel()):
        greatest = casadi.fmax(greatest, x[k])
    return casadi.log(casadi.sum1(casadi.exp(x - greatest))) + greatest


def gmm(file):
    """The log-likelihood of a mixture, but for what is constant."""
    words = (DATA / file).read_text().split()
    dim, k, n = map(int, words[:3])
    below, part = dim * (dim - 1) // 2, SIZES["gmm"]
    size = k * (1 + dim + dim + below)
    params, data = list(map(float, words[3 : 3 + size])), list(map(float, words[3 + size : -2]))
    gamma, m = float(words[-2]), int(words[-1])

    level, mean, diagonal, lower = SX.sym("level"), SX.sym("mean", dim), SX.sym("diagonal", dim), SX.sym("lower", below)
    x, terms = SX.sym("x", dim, part), []
    for i in range(part):
        apart = x[:, i] - mean
        y, at = [diagonal[d] * apart[d] for d in range(dim)], iter(range(below))
        for column in range(dim):
            for row in range(column + 1, dim):
                y[row] += lower[next(at)] * apart[column]
        terms.append(level - 0.5 * sum(y * y for y in y))
    component = casadi.Function("component", [level, mean, diagonal, lower, x], [casadi.horzcat(*terms)])
    component = component.map(n // part, [True] * 4 + [False], [False])
    terms = SX.sym("terms", k)
    log_sum = casadi.Function("log_sum", [terms], [log_sum_exp(terms)])

    p, x = MX.sym("p", size), DM(data).reshape((dim, n))
    alpha, means, blocks = p[:k], p[k : k + k * dim].reshape((dim, k)), p[k + k * dim :].reshape((dim + below, k))
    diagonals, sums, lower = casadi.exp(blocks[:dim, :]), casadi.sum1(blocks[:dim, :]).T, blocks[dim:, :]
    levels = alpha + sums
    terms = [component(levels[c], means[:, c], diagonals[:, c], lower[:, c], x) for c in range(k)]
    prior = 0.5 * gamma**2 * (casadi.sumsqr(diagonals) + casadi.sumsqr(lower)) - m * casadi.sum1(sums)
    return p, casadi.sum2(log_sum.map(n)(casadi.vertcat(*terms))) + prior - n * log_sum(alpha), params


def lstm(file):
    """The cross-entropy of an elementwise LSTM."""
    words = (DATA / file).read_text().split()
    layers, steps, b = map(int, words[:3])
    numbers, part = list(map(float, words[3:])), SIZES["lstm"]
    size, states = (8 * layers + 3) * b, 2 * layers * b
    params, state, bits = numbers[:size], numbers[size : size + states], numbers[size + states : size + states + steps * b]

    s, p, sequence = SX.sym("s", states + 1), SX.sym("p", size), SX.sym("bits", b * (part + 1))
    at, loss, extra = [s[k * b : (k + 1) * b] for k in range(2 * layers)], s[states], p[8 * layers * b :]

    def sigmoid(x):
        return 1 / (1 + casadi.exp(-x))

    for t in range(part):
        now, after = sequence[t * b : (t + 1) * b], sequence[(t + 1) * b : (t + 2) * b]
        u = extra[:b] * now
        for layer in range(layers):
            w = [p[(8 * layer + gate) * b : (8 * layer + gate + 1) * b] for gate in range(8)]
            h, c = at[2 * layer], at[2 * layer + 1]
            forget, gate, out = (sigmoid(x * w[k] + w[4 + k]) for k, x in enumerate((u, h, u)))
            c = c * forget + gate * casadi.tanh(h * w[3] + w[7])
            u = out * casadi.tanh(c)
            at[2 * layer : 2 * layer + 2] = [u, c]
        y = u * extra[b : 2 * b] + extra[2 * b :]
        loss += casadi.dot(y - casadi.log(2 + casadi.sum1(casadi.exp(y))), after)
    step = casadi.Function("step", [s, p, sequence], [casadi.vertcat(*at, loss)])
    p, state = MX.sym("p", size), DM(state + [0])
    for k in range(0, steps - 1, part):
        state = step(state, p, DM(bits[k * b : (k + part + 1) * b]))
    return p, state[states] * (-1 / ((steps - 1) * b)), params


PROGRAMS = dict(
    rosenbrock=rosenbrock,
    gmm10=lambda: gmm("gmm_d10_K25.txt"),
    lstm2=lambda: lstm("lstm_l2_c1024.txt"),
    lstm4=lambda: lstm("lstm_l4_c1024.txt"),
)


def main():
    folder = pathlib.Path(sys.argv[1])
    SIZES.update((name, int(size)) for name, size in (word.split("=") for word in sys.argv[2:]))
    cases = re.findall(r'measure\("(\w+)", .*, (\d+), (-?[\d.]+), least\);', (HERE / "codipack.cpp").read_text())
    assert {name for name, *_ in cases} == set(PROGRAMS), "codipack.cpp has other programs"
    for name, operations, total in cases:
        x, value, at = PROGRAMS[name]()
        gradient = casadi.Function("gradient", [x], [value, casadi.gradient(value, x)])
        code = casadi.CodeGenerator(f"{name}.c")
        code.add(gradient)
        code.generate(f"{folder}/")
        with open(folder / f"{name}.c", "a") as file:
            numbers = ", ".join(map(repr, at))
            file.write(f'\n#define NAME "{name}"\n#define OPERATIONS {operations}.0\n#define SUM {total}\n')
            file.write(f"static const double PARAMS[] = {{{numbers}}};\n")


if __name__ == "__main__":
    main()
