"""Makes tails.json: what onnxruntime computes from the exported activations that the test `onnx::tails` writes to FOLDER.

    pip install onnx onnxruntime numpy
    python make_tails.py FOLDER

Models of double for which onnxruntime has no kernel are left out.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime

onnxruntime.set_default_logger_severity(4)
cases = {}
for file in sorted(Path(sys.argv[1]).glob("*.onnx")):
    case = json.loads(file.with_suffix(".json").read_text())
    inputs = {"input": np.array(case["x"], dtype=file.stem.rsplit("_", 1)[1])}
    try:
        session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
        (y,) = session.run(None, inputs)
    except onnxruntime.capi.onnxruntime_pybind11_state.NotImplemented:
        print(f"{file.stem}: left out")
        continue
    difference = np.max(np.abs(y - np.array(case["y"])) / np.maximum(1, np.abs(y)))
    print(f"{file.stem}: differs by {difference:.1e}")
    cases[file.stem] = {"graph": case["graph"], "y": y.tolist()}
Path(__file__).with_name("tails.json").write_text(json.dumps(cases) + "\n")
