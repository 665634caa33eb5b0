"""Makes recurrent models, as PyTorch's exporter writes them, with the outputs of onnxruntime.

    pip install onnx onnxruntime numpy
    python make_recurrent.py .

A file NAME.json beside NAME.onnx has the inputs `x`, steps × batch × features, and the outputs `y`: one matrix for every step, or a
single one for the last step.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

FOLDER = Path(sys.argv[1])
INPUTS, HIDDEN, OUTPUTS, STEPS, BATCH = 3, 4, 2, 6, 5
GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
ATTRIBUTES = {"LSTM": {}, "GRU": {"linear_before_reset": 1}, "RNN": {"activations": ["Relu"]}}


class Model:
    """Nodes and constants so far."""

    def __init__(self, seed, batch_first):
        self.random, self.nodes, self.constants = np.random.default_rng(seed), [], []
        self.batch_first = batch_first

    def constant(self, array):
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def weights(self, *shape):
        return self.constant(self.random.uniform(-0.8, 0.8, shape).astype(np.float32))

    def ints(self, *numbers):
        return self.constant(np.array(numbers, dtype=np.int64))

    def node(self, op, *inputs, outputs=1, **attributes):
        names = [f"{op}_{len(self.nodes)}_{k}" for k in range(outputs)]
        self.nodes.append(helper.make_node(op, list(inputs), names, **attributes))
        return names[0] if outputs == 1 else names

    def turned(self, x):
        return self.node("Transpose", x, perm=[1, 0, 2]) if self.batch_first else x

    def zeros(self, x, layers):
        """States of zeros for a batch that is known at run time."""
        batch = self.node("Gather", self.node("Shape", x), self.constant(np.array(1)), axis=0)
        batch = self.node("Unsqueeze", batch, self.ints(0))
        shape = self.node("Concat", self.ints(layers), batch, self.ints(HIDDEN), axis=0)
        return self.node("Expand", self.constant(np.zeros((), dtype=np.float32)), shape)

    def recurrent(self, op, x, layers, start=None):
        """The outputs of the last layer and the last states of all; `start` makes the first state of a layer."""
        states = []
        for layer in range(layers):
            rows = GATES[op] * HIDDEN
            weights = [self.weights(1, rows, INPUTS if layer == 0 else HIDDEN), self.weights(1, rows, HIDDEN)]
            first = [start(layer)] * (1 + (op == "LSTM")) if start else []
            inputs = [x, *weights, self.weights(1, 2 * rows), *([""] if first else []), *first]
            outputs = 3 if op == "LSTM" else 2
            y, h, *_ = self.node(op, *inputs, outputs=outputs, hidden_size=HIDDEN, **ATTRIBUTES[op])
            states.append(h)
            x = self.node("Squeeze", y, self.ints(1))
        return x, states

    def gemm(self, x):
        return self.node("Gemm", x, self.weights(OUTPUTS, HIDDEN), self.weights(OUTPUTS), transB=1)

    def everywhere(self, x):
        return self.node("Add", self.weights(OUTPUTS), self.node("MatMul", x, self.weights(HIDDEN, OUTPUTS)))

    def save(self, name, y, every_step):
        self.nodes.append(helper.make_node("Identity", [y], ["y"]))
        axes = ["batch", "steps"] if self.batch_first else ["steps", "batch"]
        x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [*axes, INPUTS])
        y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [*axes, OUTPUTS] if every_step else ["batch", OUTPUTS])
        graph = helper.make_graph(self.nodes, "model", [x], [y], self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        onnx.checker.check_model(model, full_check=True)
        (FOLDER / f"{name}.onnx").write_bytes(model.SerializeToString())
        x = self.random.standard_normal((STEPS, BATCH, INPUTS)).astype(np.float32)
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        (y,) = session.run(None, {"x": np.swapaxes(x, 0, 1) if self.batch_first else x})
        y = (np.swapaxes(y, 0, 1) if self.batch_first else y) if every_step else y[None]
        case = {"dtype": "float32", "x": x.tolist(), "y": y.tolist()}
        (FOLDER / f"{name}.json").write_text(json.dumps(case) + "\n")


# Two layers from states of zeros for any batch, and a linear layer on the last step.
model = Model(0, True)
x = model.turned("x")
zeros = model.zeros(x, 2)
y, _ = model.recurrent("LSTM", x, 2, lambda k: model.node("Slice", zeros, model.ints(k), model.ints(k + 1), model.ints(0)))
model.save("lstm", model.gemm(model.node("Gather", model.turned(y), model.constant(np.array(-1)), axis=1)), False)

# One layer, and linear layers on every step.
model = Model(1, False)
y, _ = model.recurrent("GRU", "x", 1)
skip = model.node("Add", y, model.node("Tanh", model.node("MatMul", y, model.weights(HIDDEN, HIDDEN))))
model.save("gru", model.node("LogSoftmax", model.everywhere(skip), axis=-1), True)

# Two layers, and a linear layer on the last state of the second.
model = Model(2, False)
_, states = model.recurrent("RNN", "x", 2, lambda _: model.constant(np.zeros((1, BATCH, HIDDEN), dtype=np.float32)))
stacked = model.node("Concat", *states, axis=0)
model.save("rnn", model.gemm(model.node("Gather", stacked, model.constant(np.array(-1)), axis=0)), False)

# A linear layer on every step, of which the last is taken.
model = Model(3, True)
y, _ = model.recurrent("GRU", model.turned("x"), 2)
last = model.node("Slice", model.everywhere(model.turned(y)), model.ints(-1), model.ints(2**63 - 1), model.ints(1))
model.save("gru_after", model.node("Squeeze", last, model.ints(1)), False)
