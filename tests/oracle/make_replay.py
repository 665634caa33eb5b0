"""Write trainings of small networks by scikit-learn and PyTorch in float64, as JSON: weights before and after 50 steps.

pip install scikit-learn torch
python make_replay.py > replay.json

38 flowers of the iris data, standardised. Batches are lists of samples that are taken in turn. W is outputs × inputs.
"""
import json
import sys
import warnings

import numpy as np
import torch
from sklearn.datasets import load_iris
from sklearn.neural_network import MLPClassifier, MLPRegressor

warnings.filterwarnings("ignore")
torch.set_default_dtype(torch.float64)
STEPS, HIDDEN = 50, 5

x, classes = load_iris(return_X_y=True)
x, classes = x[::4], classes[::4]
x = (x - x.mean(0)) / x.std(0)
targets = np.stack([x[:, 0] * x[:, 1], np.sin(2 * x[:, 2])], 1)
x = x.round(6)
cases = []


def case(name, loss, activation, batches, options, start, end):
    layers = lambda pairs: [{"weight": w.tolist(), "bias": b.tolist()} for w, b in pairs]
    cases.append({"name": name, "loss": loss, "activation": activation, "batches": [list(map(int, b)) for b in batches],
                  **options, "start": layers(start), "end": layers(end)})


def sklearn(name, base, t, loss, activation, alpha):
    class Recorded(base):
        def _init_coef(self, *args):
            w, b = super()._init_coef(*args)
            self.start = [*getattr(self, "start", []), (w.T.copy(), b.copy())]
            return w, b

    size = 22  # batches of 22 and 16
    net = Recorded(hidden_layer_sizes=(HIDDEN,), activation=activation, alpha=alpha, batch_size=size, shuffle=False,
                   learning_rate_init=1e-2, max_iter=STEPS // 2, tol=0, n_iter_no_change=1000, random_state=1).fit(x, t)
    assert net.t_ == STEPS / 2 * len(x)
    end = [(w.T, b) for w, b in zip(net.coefs_, net.intercepts_)]
    options = {"optimizer": "sklearn_adam", "lr": 1e-2, "l2": alpha}
    case(name, loss, activation, [range(size), range(size, len(x))], options, net.start, end)


sklearn("MLPClassifier", MLPClassifier, classes, "cross_entropy", "relu", 0.5)
sklearn("MLPClassifier, binary", MLPClassifier, classes == 1, "bce", "tanh", 1e-4)
sklearn("MLPRegressor", MLPRegressor, targets, "half_squares", "relu", 0.1)


def pytorch(name, loss, activation, optimizer, options, make):
    torch.manual_seed(3)
    outputs = 3 if loss == "cross_entropy" else 2
    act = {"relu": torch.nn.ReLU, "tanh": torch.nn.Tanh}[activation]()
    net = torch.nn.Sequential(torch.nn.Linear(4, HIDDEN), act, torch.nn.Linear(HIDDEN, outputs))
    layers = lambda: [(m.weight.detach().clone(), m.bias.detach().clone()) for m in (net[0], net[2])]
    start, opt = layers(), make(net.parameters())
    batches = [torch.randperm(len(x))[:n].tolist() for n in (12, 7, 20)]
    xt, ct, tt = torch.tensor(x), torch.tensor(classes), torch.tensor(targets)
    for k in range(STEPS):
        b = batches[k % len(batches)]
        opt.zero_grad()
        y = net(xt[b])
        e = torch.nn.functional.cross_entropy(y, ct[b]) if loss == "cross_entropy" else torch.nn.functional.mse_loss(y, tt[b])
        e.backward()
        opt.step()
    case(name, loss, activation, batches, {"optimizer": optimizer, **options}, start, layers())


optim = torch.optim
pytorch("torch.optim.Adam", "cross_entropy", "relu", "adam", {"lr": 1e-2, "l2": 0.0}, lambda p: optim.Adam(p, lr=1e-2))
pytorch("torch.optim.AdamW", "cross_entropy", "tanh", "adamw", {"lr": 1e-2, "l2": 0.1}, lambda p: optim.AdamW(p, lr=1e-2, weight_decay=0.1))
pytorch("torch.optim.SGD", "mse", "tanh", "momentum", {"lr": 5e-2, "l2": 0.01}, lambda p: optim.SGD(p, lr=5e-2, momentum=0.9, weight_decay=0.01))

json.dump({"steps": STEPS, "x": x.tolist(), "classes": classes.tolist(), "targets": targets.tolist(), "cases": cases}, sys.stdout,
          separators=(",", ":"))
print()
