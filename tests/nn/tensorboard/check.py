"""Reads the events in folders by TensorBoard's own readers, and compares every number with those in `expected.json` of the folder.

    pip install tensorboard
    python check.py FOLDER...

`expected.json` has lists `[tag, step, content]` of scalars, histograms (all their numbers) and texts. A kind that it lacks is not
compared. There may be no other events.
"""

import json
import struct
import sys
from pathlib import Path

from tensorboard.backend.event_processing import event_accumulator, plugin_event_accumulator
from tensorboard.util import tensor_util

ALL = 0


def single(x):
    return struct.unpack("f", struct.pack("f", x))[0]


def sequential(numbers):
    total = 0.0
    for x in numbers:
        total = total + x
    return total


def expect(found, expected, what):
    assert len(found) == len({key for key, _ in found}), f"{what}: a step is there twice"
    found, expected = dict(found), dict(expected)
    assert found.keys() == expected.keys(), f"{what}: {sorted(found.keys() ^ expected.keys())}"
    for key in expected:
        assert found[key] == expected[key], f"{what} {key}: {found[key]}, not {expected[key]}"
    return len(found)


def histogram(numbers, limits):
    """What TensorBoard stores of these numbers."""
    lower = [float("-inf"), *limits[:-1]]
    counts = [float(sum(a < x <= b for x in numbers)) for a, b in zip(lower, limits)]
    squares = sequential(x * x for x in numbers)
    return [min(numbers), max(numbers), float(len(numbers)), sequential(numbers), squares, list(limits), counts]


def check(folder):
    expected = json.loads((folder / "expected.json").read_text())
    sizes = {kind: ALL for kind in ("scalars", "histograms", "tensors", "compressedHistograms")}
    events = event_accumulator.EventAccumulator(str(folder), size_guidance=sizes)
    events.Reload()
    tags = events.Tags()
    count = 0

    scalars = [((tag, e.step), e.value) for tag in tags["scalars"] for e in events.Scalars(tag)]
    count += expect(scalars, [((tag, step), single(x)) for tag, step, x in expected["scalars"]], "scalar")
    if "histograms" in expected:
        found = [((tag, e.step), e.histogram_value) for tag in tags["histograms"] for e in events.Histograms(tag)]
        limits = {key: list(h.bucket_limit) for key, h in found}
        fields = lambda h: [h.min, h.max, h.num, h.sum, h.sum_squares, list(h.bucket_limit), list(h.bucket)]
        known = [((tag, step), histogram(x, limits[tag, step])) for tag, step, x in expected["histograms"]]
        count += expect([(key, fields(h)) for key, h in found], known, "histogram")
    if "texts" in expected:
        text = lambda proto: tensor_util.make_ndarray(proto).item().decode()
        found = [((tag, e.step), text(e.tensor_proto)) for tag in tags["tensors"] for e in events.Tensors(tag)]
        count += expect(found, [((tag, step), x) for tag, step, x in expected["texts"]], "text")

    # The reader behind the pages, which turns all kinds into tensors.
    pages = plugin_event_accumulator.EventAccumulator(str(folder), size_guidance={}, tensor_size_guidance={
        plugin: ALL for plugin in ("scalars", "histograms", "text")})
    pages.Reload()
    for plugin, kind in (("scalars", "scalars"), ("histograms", "histograms"), ("text", "texts")):
        if kind not in expected:
            continue
        tensor = lambda e: tensor_util.make_ndarray(e.tensor_proto)
        shown = [((tag, e.step), tensor(e)) for tag in pages.PluginTagToContent(plugin) for e in pages.Tensors(tag)]
        if kind == "scalars":
            known = [((tag, step), single(x)) for tag, step, x in expected[kind]]
            shown = [(key, x.item()) for key, x in shown]
        elif kind == "histograms":
            known = [((tag, step), (min(x), max(x), float(len(x)))) for tag, step, x in expected[kind]]
            shown = [(key, (x[0, 0], x[-1, 1], x[:, 2].sum())) for key, x in shown]
        else:
            known = [((tag, step), x) for tag, step, x in expected[kind]]
            shown = [(key, x.item().decode()) for key, x in shown]
        count += expect(shown, known, f"page of {plugin}")
    print(f"{folder}: TensorBoard reads {count} values as they are")


for name in sys.argv[1:]:
    check(Path(name))
