"""Makes the models that the tests import, by PyTorch's two exporters, with inputs and outputs.

    pip install torch onnx onnxscript
    python make_torch.py .
"""

import json
import sys
from pathlib import Path

import onnx
import torch
from torch import nn

FOLDER = Path(sys.argv[1])
BATCH = torch.export.Dim("batch")


class Skips(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(5, 5), nn.Linear(5, 5)

    def forward(self, x):
        x = x + torch.tanh(self.first(x))
        x = self.second(x) + torch.relu(self.first(x))
        return torch.cat([x, torch.sigmoid(self.second(x))], dim=1)


def activations():
    return [
        nn.GELU(), nn.SiLU(), nn.PReLU(5), nn.Mish(), nn.Hardswish(), nn.LeakyReLU(0.1), nn.ELU(), nn.SELU(), nn.CELU(0.5),
        nn.Softplus(), nn.LogSigmoid(), nn.GELU(approximate="tanh"), nn.Softsign(), nn.Hardtanh(), nn.Hardsigmoid(),
        nn.Tanhshrink(), nn.PReLU(), nn.LogSoftmax(1),
    ]


def model(name):
    head = [nn.Linear(4, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Dropout(0.2)]
    return {
        "mlp": lambda: nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3), nn.Softmax(1)),
        "norms": lambda: nn.Sequential(nn.BatchNorm1d(4), *head, nn.LayerNorm(5), nn.Linear(5, 2, bias=False), nn.Flatten()),
        "skips": lambda: nn.Sequential(nn.Linear(4, 5), Skips(), nn.Linear(10, 2)),
        "activations": lambda: nn.Sequential(nn.Linear(4, 5), *activations()),
    }[name]()


for seed, name in enumerate(["mlp", "norms", "skips", "activations"]):
    torch.manual_seed(seed)
    net = model(name)
    x = torch.randn(20, 4)
    with torch.no_grad():
        for _ in range(3):
            net(2 * x + 1)  # statistics of batch normalisation
        net.eval()
        y = net(x[:5])
    case = {"dtype": "float32", "x": x[:5].tolist(), "y": y.tolist()}
    (FOLDER / f"{name}.json").write_text(json.dumps(case) + "\n")
    ends = {"input_names": ["x"], "output_names": ["y"]}
    axes = {"x": {0: "batch"}, "y": {0: "batch"}}
    torch.onnx.export(
        net, (x[:5],), FOLDER / f"{name}_script.onnx", dynamo=False, opset_version=17, dynamic_axes=axes, **ends
    )
    torch.onnx.export(net, (x[:5],), FOLDER / f"{name}.onnx", dynamo=True, dynamic_shapes=({0: BATCH},), **ends)
    (FOLDER / f"{name}.onnx.data").unlink()  # empty, because small tensors are in the model

class LastStep(nn.Module):
    """A linear layer on the outputs at the last step."""

    def __init__(self, recurrent, outputs):
        super().__init__()
        self.recurrent, self.head = recurrent, nn.Linear(recurrent.hidden_size, outputs)

    def forward(self, x):
        y, _ = self.recurrent(x)
        return self.head(y[:, -1] if self.recurrent.batch_first else y[-1])


class LastState(LastStep):
    """A linear layer on the last state of the last layer."""

    def forward(self, x):
        _, h = self.recurrent(x)
        return self.head(h[-1])


class EveryStep(LastStep):
    """Layers on the outputs at every step."""

    def forward(self, x):
        y, _ = self.recurrent(x)
        return torch.log_softmax(self.head(torch.tanh(y)), dim=-1)


# Steps × batch × features, except where the batch is first.
for seed, (name, net) in enumerate({
    "torch_lstm": LastStep(nn.LSTM(3, 4, num_layers=2, batch_first=True), 2),
    "torch_gru": EveryStep(nn.GRU(3, 4), 2),
    "torch_states": LastState(nn.GRU(3, 4, num_layers=2), 2),
    "torch_rnn": LastState(nn.RNN(3, 4, num_layers=2, nonlinearity="relu"), 2),
}.items()):
    torch.manual_seed(seed)
    for param in net.parameters():
        nn.init.uniform_(param, -0.8, 0.8)
    net.eval()
    x = torch.randn(6, 5, 3)
    first = net.recurrent.batch_first
    given = x.swapaxes(0, 1).contiguous() if first else x
    with torch.no_grad():
        y = net(given)
    y = y if isinstance(net, EveryStep) else y[None]
    case = {"dtype": "float32", "x": x.tolist(), "y": y.tolist()}
    (FOLDER / f"{name}.json").write_text(json.dumps(case) + "\n")
    ends = {"input_names": ["x"], "output_names": ["y"]}
    axes = {0: "batch", 1: "steps"} if first else {0: "steps", 1: "batch"}
    every = {"y": axes} if isinstance(net, EveryStep) else {"y": {0: "batch"}}
    torch.onnx.export(
        net, (given,), FOLDER / f"{name}_script.onnx", dynamo=False, opset_version=17, dynamic_axes={"x": axes, **every}, **ends
    )
    shapes = ({k: torch.export.Dim(axis) for k, axis in axes.items()},)
    torch.onnx.export(net, (given,), FOLDER / f"{name}.onnx", dynamo=True, dynamic_shapes=shapes, **ends)
    (FOLDER / f"{name}.onnx.data").unlink()

# PyTorch notes where its sources are on this machine.
for file in FOLDER.glob("*.onnx"):
    stored = onnx.load(file)
    for part in [stored, stored.graph, *stored.graph.node, *stored.graph.value_info, *stored.graph.initializer]:
        del part.metadata_props[:]
    file.write_bytes(stored.SerializeToString())

# The same model with its numbers in another file, as PyTorch stores large models.
onnx.save_model(
    onnx.load(FOLDER / "mlp.onnx"),
    FOLDER / "mlp_outside.onnx",
    save_as_external_data=True,
    location="mlp_outside.data",
    size_threshold=0,
)
