#!/usr/bin/env bash
# Compares training steps on a GPU with PyTorch, in at most four minutes: one line of JSON for each workload, then a table of ratios.
#
#   crates/gpu/benches/device.sh [BINARY] [WORKLOAD …]
#
# BINARY is the benchmark `device`, built elsewhere by `cargo bench -p tape-gpu --bench device --no-run` if this machine has no Rust. A folder
# `lib` beside it may hold libvulkan.so.1, which a bare machine with a card may lack. PYTHON is the Python that has PyTorch.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
binary="${1:-}"
[ $# -gt 0 ] && shift
if [ -z "$binary" ]; then
  binary="$(cd "$here" && cargo bench -p tape-gpu --bench device --no-run 2>&1 | sed -n 's/.*(\(.*\))$/\1/p' | tail -n 1)"
  binary="$(cd "$here/../../.." && realpath "${binary}")"
fi
folder="$(dirname "$binary")/lib"
[ -d "$folder" ] && export LD_LIBRARY_PATH="$folder:${LD_LIBRARY_PATH:-}"
out="$(mktemp -d)"
trap 'rm -rf "$out"' EXIT
timeout 120 "$binary" --seconds 1 "$@" | tee "$out/ours" || echo "ours: stopped" >&2
timeout 35 "$binary" --seconds 0.3 --half --no-processor "$@" | tee "$out/half" || echo "ours in half precision: stopped" >&2
timeout 80 "${PYTHON:-python3}" "$here/steps.py" 1 "$@" | tee "$out/torch" || echo "PyTorch: stopped" >&2
"${PYTHON:-python3}" - "$out" <<'TABLE'
import json, sys
read = lambda name: {line["workload"]: line for line in map(json.loads, open(f"{sys.argv[1]}/{name}")) if line}
ours, half, torch = read("ours"), read("half"), read("torch")
print("\n| workload | one core / ours | ours / eager | ours / CUDA graphs | values in half precision / ours |\n|---|--:|--:|--:|--:|")
for name, line in ours.items():
    other, time = torch.get(name, {}), line.get("seconds")
    over = lambda a, b: f"{a / b:.2f}" if a and b else "–"
    print(f"| {name} | {over(line.get('core'), time)} | {over(time, other.get('eager'))} | {over(time, other.get('graphs'))} "
          f"| {over(half.get(name, {}).get('seconds'), time)} |")
TABLE
