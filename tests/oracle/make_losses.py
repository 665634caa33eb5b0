"""Write value and gradients of losses with options, computed by PyTorch in float64, as JSON.

pip install torch
python make_losses.py > losses_options.json

Class weights with smoothed labels, weights of positives, predicted variances, weights of samples. A row is a sample.
"""
import json

import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
g = torch.Generator().manual_seed(2)
n, k = 6, 3
x = torch.randn(n, k, generator=g) * 2
t = torch.randn(n, k, generator=g)
classes = torch.tensor([0, 2, 1, 1, 2, 0])
binary = (torch.rand(n, k, generator=g) > 0.5).double()
share = torch.rand(n, k, generator=g)
soft = torch.softmax(t, 1)
weights = torch.tensor([0.2, 1.0, 2.5])
samples = torch.rand(n, generator=g) + 0.1
log_var = torch.randn(n, k, generator=g)

entropy = lambda x, r: F.cross_entropy(x, classes, weight=weights, label_smoothing=0.2, reduction=r)
each = lambda x: F.cross_entropy(x, classes, weight=weights, label_smoothing=0.2, reduction="none")


def weighted_entropy(x, r):
    total = (samples * each(x)).sum()
    return total if r == "sum" else total / (samples * weights[classes]).sum()


def weighted_mse(x, r):
    total = (samples[:, None] * (x - t) ** 2).sum()
    return total if r == "sum" else total / (samples.sum() * k)


cases = {
    "cross_entropy_weights_smoothing": (entropy, classes, x),
    "cross_entropy_weights_smoothing_samples": (weighted_entropy, classes, x),
    "cross_entropy_soft_smoothing": (lambda x, r: F.cross_entropy(x, soft, label_smoothing=0.2, reduction=r), soft, x),
    "bce_pos_weight": (lambda x, r: F.binary_cross_entropy_with_logits(x, binary, pos_weight=weights, reduction=r), binary, x),
    "bce_pos_weight_share": (lambda x, r: F.binary_cross_entropy_with_logits(x, share, pos_weight=weights, reduction=r), share, x),
    "mse_samples": (weighted_mse, t, x),
    # Means beside the logarithms of variances.
    "gaussian_nll": (lambda y, r: F.gaussian_nll_loss(y[:, :k], t, y[:, k:].exp(), reduction=r), t, torch.cat([x, log_var], 1)),
    "multi_margin_half": (lambda x, r: F.multi_margin_loss(x, classes, margin=0.5, reduction=r), classes, x),
}
# PyTorch's mean of weighted soft targets divides by n, ours by the sum of the weights: only the sum is compared.
cases["cross_entropy_soft_weights"] = (lambda x, r: F.cross_entropy(x, soft, weight=weights, reduction=r), soft, x)

out = []
for name, (f, target, start) in cases.items():
    for r in ("sum", "mean"):
        if name == "cross_entropy_soft_weights" and r == "mean":
            continue
        p = start.clone().requires_grad_(True)
        v = f(p, r)
        (dp,) = torch.autograd.grad(v, p)
        out.append({"loss": name, "reduction": r, "prediction": start.tolist(), "target": target.tolist(),
                    "value": v.item(), "gradient": dp.tolist()})
print(json.dumps({"weights": weights.tolist(), "samples": samples.tolist(), "cases": out}, separators=(",", ":")))
