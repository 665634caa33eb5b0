"""The samples of make_opinfo.py that are used, as JSON on standard output.

python make_opinfo.py samples.json && python opinfo.py samples.json > opinfo.json

A sample is [operator, variant, arguments, keyword arguments, y, u, gradient, v, second]. A tensor is its shape, its entries row by row,
and whether it has a gradient; results are their entries alone. Of large tensors that an elementwise function is applied to, the first 20
entries are kept. `left_out` has the number of samples of each operator that the library has not, and why.
"""
import json, math, sys

ELEMENTWISE = """abs acos acosh asin asinh atan atanh cos cosh deg2rad erf erfc erfinv exp exp2 expm1 frac log log10 log1p log2 rad2deg reciprocal rsqrt
sigmoid sign sin sinc sinh sqrt square tan tanh ceil lgamma digamma nn.functional.hardswish nn.functional.leaky_relu nn.functional.gelu
nn.functional.elu nn.functional.softshrink nn.functional.hardshrink nn.functional.hardtanh nn.functional.relu""".split()
LEFT_OUT = {
    **dict.fromkeys(["special.bessel_j0", "special.i0e", "special.erfcx", "special.log_ndtr"], "no such function"),
    "linalg.lu": "no such decomposition",
    **dict.fromkeys(["gradient", "renorm"], "no such composition"),
    **dict.fromkeys(["linalg.eigh", "linalg.eigvalsh"], "of the upper triangle of a matrix that is not symmetric"),
    **dict.fromkeys(["index_add", "scatter", "scatter_add", "gather", "take", "nn.functional.embedding", "index_select"], "indices are tested in axes.rs"),
}


def results(tensors):
    return [None if t is None else t["data"] for t in tensors]


def argument(x, size):
    if isinstance(x, list):
        return [argument(a, size) for a in x]
    if not isinstance(x, dict):
        return str(x) if isinstance(x, float) and not math.isfinite(x) else x
    return {"shape": x["shape"] if size is None else [min(size, math.prod(x["shape"]))], "data": x["data"][:size], "grad": x["grad"]}


THINNED = "nn.functional.gaussian_nll_loss"
samples, left_out = [], {}
for k, r in enumerate(json.load(open(sys.argv[1]))):
    thinned = r["op"] == THINNED and k % 3
    if r["op"] in LEFT_OUT or thinned:
        why = "two of three, of the same shapes and options" if thinned else LEFT_OUT[r["op"]]
        left_out.setdefault(r["op"], [0, why])[0] += 1
        continue
    size = 20 if r["op"] in ELEMENTWISE else None
    cut = lambda ts: ts and [None if t is None else t[:size] for t in results(ts)]
    samples.append([r["op"], r["variant"], argument(r["args"], size), {k: argument(v, size) for k, v in r["kwargs"].items()}]
                   + [cut(r[k]) for k in ("y", "u", "gradient", "v", "second")])
json.dump({"samples": samples, "left_out": left_out}, sys.stdout, separators=(",", ":"))
