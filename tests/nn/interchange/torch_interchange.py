"""Models that go from PyTorch to this library and back.

    python tests/nn/interchange/torch_interchange.py make      # writes NAME.safetensors and cases.json in this folder
    cargo test -p tape-tests --test nn interchange             # loads them, compares outputs, writes its own files
    python tests/nn/interchange/torch_interchange.py check     # loads those into PyTorch, compares outputs

Needs torch and safetensors. The files in this folder were made by `make`; the test needs no Python.
"""

import json
import pathlib
import sys

import torch
from safetensors.torch import load_file, save_file
from torch import nn

HERE = pathlib.Path(__file__).parent
WRITTEN = HERE.parents[2] / "target" / "tmp" / "interchange"


class Sequence(nn.Module):
    """Of an LSTM, GRU or RNN: the outputs of all steps, steps x hidden."""

    def __init__(self, kind, inputs, hidden, **more):
        super().__init__()
        self.rnn = kind(inputs, hidden, **more)

    def forward(self, x):
        return self.rnn(x)[0]


def mlp():
    return nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 5, bias=False), nn.GELU(), nn.Linear(5, 3))


# One input: the weight of the first layer is a column, and still a matrix.
def norms():
    return nn.Sequential(
        nn.Linear(1, 6), nn.BatchNorm1d(6), nn.PReLU(6), nn.LayerNorm(6), nn.Linear(6, 6), nn.RMSNorm(6, eps=1e-6), nn.PReLU(), nn.Linear(6, 2)
    )


# name: (model, numbers, inputs). `half` and `brain` are `mlp` in two bytes a number.
CASES = {
    "mlp": (mlp, torch.float32, lambda: torch.randn(7, 4)),
    "norms": (norms, torch.float64, lambda: torch.randn(7, 1)),
    "embedding": (lambda: nn.Embedding(9, 3), torch.float32, lambda: torch.tensor([4, 0, 8, 4])),
    "rnn": (lambda: Sequence(nn.RNN, 1, 3), torch.float32, lambda: torch.randn(6, 1)),
    "gru": (lambda: Sequence(nn.GRU, 2, 3, num_layers=2), torch.float32, lambda: torch.randn(6, 2)),
    "lstm": (lambda: Sequence(nn.LSTM, 2, 1, bidirectional=True), torch.float64, lambda: torch.randn(6, 2)),
}


def make():
    torch.manual_seed(4)
    cases = {}
    for name, (build, dtype, inputs) in CASES.items():
        model, x = build().to(dtype), inputs()
        x = x.to(dtype) if x.is_floating_point() else x
        for p in model.parameters():
            p.data = torch.randn_like(p)
        for part in model.modules():
            if isinstance(part, nn.BatchNorm1d):  # running statistics as after training
                for _ in range(3):
                    part(torch.randn(10, part.num_features, dtype=dtype))
        model.eval()
        cases[name] = {"x": x.tolist(), "y": model(x).tolist()}
        save_file(model.state_dict(), HERE / f"{name}.safetensors", metadata={"format": "pt"})
        if name == "mlp":
            for other, small in [("half", torch.float16), ("brain", torch.bfloat16)]:
                state = {key: value.to(small) for key, value in model.state_dict().items()}
                save_file(state, HERE / f"{other}.safetensors", metadata={"format": "pt"})
                model.load_state_dict(state)
                cases[other] = {"x": x.tolist(), "y": model(x).tolist()}
    (HERE / "cases.json").write_text(json.dumps(cases, indent=1) + "\n")


def check():
    cases = json.loads((HERE / "cases.json").read_text())
    for name, (build, dtype, _) in CASES.items():
        state, theirs = load_file(WRITTEN / f"{name}.safetensors"), load_file(HERE / f"{name}.safetensors")
        for key, tensor in state.items():
            assert torch.equal(tensor, theirs[key]) and tensor.dtype == theirs[key].dtype, f"{name}: {key}"
        model = build().to(dtype)
        model.load_state_dict(state)  # strict: every name, every shape
        model.eval()
        x = torch.tensor(cases[name]["x"])
        y = model(x.to(dtype) if x.is_floating_point() else x)
        error = (y - torch.tensor(cases[name]["y"], dtype=dtype)).abs().max().item()
        print(f"{name}: {len(state)} tensors, outputs equal to {error:.1e}")
        assert error <= 1e-6


if __name__ == "__main__":
    {"make": make, "check": check}[sys.argv[1]]()
