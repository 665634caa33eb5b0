"""Writes the arrays that tests/data/arrays.rs reads: python make_arrays.py ."""

import gzip
import struct
import sys
from pathlib import Path

import numpy as np

out = Path(sys.argv[1])
x = np.array([[0.5, -1.25, 3.0], [1e-3, 2.0**40, -0.0]])

for name, kind in dict(f4="<f4", f8="<f8", f4_big=">f4", f8_big=">f8").items():
    np.save(out / f"{name}.npy", x.astype(kind))
np.save(out / "fortran.npy", np.asfortranarray(np.arange(24.0).reshape(2, 3, 4)))
for size in (1, 2, 4, 8):
    for kind in "iu":
        info = np.iinfo(f"{kind}{size}")
        # The largest integers that a double holds exactly.
        values = np.array([max(info.min, -(2**53)), 0, 1, 100, min(info.max, 2**53)])
        np.save(out / f"{kind}{size}.npy", values.astype(f"<{kind}{size}"))
        np.save(out / f"{kind}{size}_big.npy", values.astype(f">{kind}{size}"))
np.save(out / "bool.npy", np.array([True, False, True]))
np.save(out / "number.npy", np.array(2.5))
np.save(out / "empty.npy", np.zeros((3, 0)))
with open(out / "version2.npy", "wb") as file:
    np.lib.format.write_array(file, x, version=(2, 0))
np.save(out / "text.npy", np.array(["elm", "oak"]))
np.save(out / "records.npy", np.zeros(2, dtype=[("a", "<f8"), ("b", "<i4")]))
np.savez(out / "stored.npz", x=x, labels=np.array([1, 0], dtype="u1"))
np.savez_compressed(out / "deflated.npz", x=x, labels=np.array([1, 0], dtype="u1"))

pictures = struct.pack(">4B3I", 0, 0, 0x08, 3, 2, 2, 3) + bytes(range(0, 240, 20))
(out / "pictures-idx3-ubyte").write_bytes(pictures)
(out / "pictures-idx3-ubyte.gz").write_bytes(gzip.compress(pictures, mtime=0))
for kind, letter, dtype in [(0x09, "b", ">i1"), (0x0B, "h", ">i2"), (0x0C, "i", ">i4"), (0x0D, "f", ">f4"), (0x0E, "d", ">f8")]:
    header = struct.pack(">4BI", 0, 0, kind, 1, 3)
    (out / f"type-{kind:02x}.idx").write_bytes(header + np.array([-2, 0, 100], dtype=dtype).tobytes())
