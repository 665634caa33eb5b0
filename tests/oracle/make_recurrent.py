"""Recurrent layers of PyTorch in double precision: values and all gradients; and a model as a file, with its outputs.

Usage: make_recurrent.py FOLDER, which gets recurrent.json and recurrent.safetensors
"""

import json
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

STEPS, BATCH, INPUTS, HIDDEN = 4, 2, 3, 2
KINDS = {
    "rnn_tanh": lambda **options: torch.nn.RNN(nonlinearity="tanh", **options),
    "rnn_relu": lambda **options: torch.nn.RNN(nonlinearity="relu", **options),
    "gru": torch.nn.GRU,
    "lstm": torch.nn.LSTM,
}


def case(kind, layers=1, bidirectional=False, bias=True, lengths=None):
    options = dict(num_layers=layers, bidirectional=bidirectional, bias=bias, dtype=torch.float64)
    model = KINDS[kind](input_size=INPUTS, hidden_size=HIDDEN, **options)
    states = ["h", "c"] if kind == "lstm" else ["h"]
    draw = lambda *shape: torch.randn(*shape, dtype=torch.float64)
    x = draw(STEPS, BATCH, INPUTS).requires_grad_()
    directions = 2 if bidirectional else 1
    start = [draw(layers * directions, BATCH, HIDDEN).requires_grad_() for _ in states]

    given = x if lengths is None else pack_padded_sequence(x, lengths, enforce_sorted=False)
    y, end = model(given, tuple(start) if kind == "lstm" else start[0])
    if lengths is not None:
        y, _ = pad_packed_sequence(y, total_length=STEPS)
    end = end if kind == "lstm" else (end,)

    results = dict(zip(["y"] + states, [y, *end]))
    upstream = {name: draw(*value.shape) for name, value in results.items()}
    sum((upstream[name] * value).sum() for name, value in results.items()).backward()

    numbers = lambda values: {name: value.tolist() for name, value in values.items()}
    start = dict(zip(states, start))
    return {
        "kind": kind,
        "layers": layers,
        "bidirectional": bidirectional,
        "bias": bias,
        "lengths": lengths or [STEPS] * BATCH,
        "x": x.tolist(),
        "start": numbers(start),
        "params": numbers(dict(model.named_parameters())),
        "results": numbers(results),
        "upstream": numbers(upstream),
        "grad_x": x.grad.tolist(),
        "grad_start": {name: value.grad.tolist() for name, value in start.items()},
        "grad_params": {name: value.grad.tolist() for name, value in model.named_parameters()},
    }


torch.manual_seed(0)
cases = []
for kind in KINDS:
    cases += [case(kind), case(kind, layers=2)]
    cases += [case(kind, layers=2, bidirectional=True), case(kind, bidirectional=True, lengths=[2, 4])]
cases += [case("gru", bias=False), case("lstm", layers=2, bias=False, lengths=[4, 1])]


class Tagger(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.words = torch.nn.Embedding(5, 3)
        self.rnn = torch.nn.GRU(3, 2, num_layers=2, bidirectional=True)
        self.head = torch.nn.Linear(4, 2)

    def forward(self, words):
        return self.head(self.rnn(self.words(words))[0])


tagger = Tagger().double()
words = torch.tensor([[4, 0], [1, 1], [3, 2]])  # three steps of two samples
tagged = {"words": words.tolist(), "y": tagger(words).tolist()}

folder = Path(sys.argv[1])
(folder / "recurrent.json").write_text(json.dumps({"cases": cases, "tagger": tagged}, separators=(",", ":")))
save_file(tagger.state_dict(), folder / "recurrent.safetensors")
