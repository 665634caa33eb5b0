"""Runs exported models by ONNX's reference and by onnxruntime, and compares the outputs with those in the file beside each.

    pip install onnx onnxruntime numpy
    python check.py FOLDER

A file NAME.json beside NAME.onnx has the inputs `x` and outputs `y`, a row for each sample, and the `dtype`.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx.reference import ReferenceEvaluator

OF_FLOAT = {"Erf"}  # the reference computes it in float
onnxruntime.set_default_logger_severity(4)


def reference(model, x):
    return ReferenceEvaluator(model).run(None, x)


def runtime(model, x):
    try:
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    except onnxruntime.capi.onnxruntime_pybind11_state.NotImplemented:
        return None  # onnxruntime has few functions for double
    return session.run(None, x)


def main(folder):
    worst, failures, left_out = {}, [], []
    files = sorted(Path(folder).glob("*.onnx"))
    for file in files:
        case = json.loads(file.with_suffix(".json").read_text())
        model = onnx.load(file)
        onnx.checker.check_model(model, full_check=True)
        x, y = (np.array(case[name], dtype=case["dtype"]) for name in "xy")
        is_float = case["dtype"] == "float32" or any(node.op_type in OF_FLOAT for node in model.graph.node)
        tolerance = 1e-6 if is_float else 1e-12
        names = [i.name for i in model.graph.input]
        batch, features = model.graph.input[0].type.tensor_type.shape.dim
        assert batch.dim_param and features.dim_value == x.shape[1], file
        for run in (reference, runtime):
            found = run(model, {names[0]: x})
            if found is None:
                assert case["dtype"] == "float64", f"{file}: onnxruntime has no kernel"
                left_out.append(file.stem)
                continue
            (found,) = found
            assert found.dtype == y.dtype and found.shape == y.shape, (file, found.dtype, found.shape, y.shape)
            difference = np.max(np.abs(found - y) / np.maximum(1, np.abs(y)), initial=0.0)
            key = (run.__name__, case["dtype"])
            worst[key] = max(worst.get(key, (0.0, "")), (float(difference), file.stem))
            if not difference <= tolerance:
                failures.append(f"{file.stem}: {run.__name__} differs by {difference:e}")
    for (run, dtype), (difference, name) in worst.items():
        print(f"{run}, {dtype}: differs by at most {difference:e} ({name})")
    print(f"{len(files)} models; without a kernel in onnxruntime: {', '.join(sorted(set(left_out))) or 'none'}")
    sys.exit("\n".join(failures) if failures or not files else 0)


main(sys.argv[1])
