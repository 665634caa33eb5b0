"""Write metrics computed by scikit-learn in float64, as JSON.

pip install scikit-learn
python make_metrics.py > metrics.json

Scores have ties; class 3 has no samples and is never predicted, class 2 is predicted and has none, class 1 has some and
is never predicted. A row is a sample.
"""
import json
import sys
import warnings

import numpy as np
from sklearn import metrics as m

warnings.filterwarnings("ignore")
rng = np.random.default_rng(5)
n = 40


def classes(actual, predicted):
    out = {"actual": actual.tolist(), "predicted": predicted.tolist(), "accuracy": m.accuracy_score(actual, predicted)}
    for average in ("macro", "micro", "weighted"):
        p, r, f, _ = m.precision_recall_fscore_support(actual, predicted, average=average, zero_division=0)
        out[average] = [p, r, f]
    return out


actual = rng.integers(0, 3, n)
gaps = np.where(actual == 2, 0, actual)
scores = np.round(rng.dirichlet(np.ones(3), n) + 0.4 * np.eye(3)[actual], 1)
probabilities = scores / scores.sum(1, keepdims=True)
binary = np.round(rng.normal(size=n) + (actual == 1), 1)
t = rng.normal(size=(n, 3))
y = t + rng.normal(size=(n, 3)) * [0.1, 1.0, 2.0]
t[:, 2] = 0.5  # exactly: of 0.7 the variance is 1e-32 here, not 0

json.dump({
    "classes": [classes(actual, probabilities.argmax(1)), classes(gaps, rng.choice([0, 2], n)), classes(actual, actual)],
    "scores": {
        "actual": actual.tolist(), "probabilities": probabilities.tolist(),
        "log_loss": m.log_loss(actual, probabilities), "top_1": m.accuracy_score(actual, probabilities.argmax(1)),
        "roc_auc_ovr": m.roc_auc_score(actual, probabilities, multi_class="ovr", average="macro"),
    },
    "binary": {"scores": binary.tolist(), "positive": (actual == 1).tolist(), "roc_auc": m.roc_auc_score(actual == 1, binary)},
    "regression": {
        "y": y.tolist(), "t": t.tolist(), "mse": m.mean_squared_error(t, y), "mae": m.mean_absolute_error(t, y),
        "rmse": m.root_mean_squared_error(t[:, 0], y[:, 0]),
        "r2": m.r2_score(t, y), "r2_each": m.r2_score(t, y, multioutput="raw_values").tolist(),
    },
}, sys.stdout, separators=(",", ":"))
print()
