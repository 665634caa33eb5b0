#!/usr/bin/env bash
# Compares the scalar tape with other crates and CoDiPack, in turns: `compare.sh [--json] [ROUNDS] [SECONDS]`. Prints nanoseconds per
# active operation (median of the rounds), and the ratio to the scalar tape. CODIPACK may name a folder with CoDiPack;
# otherwise it is cloned. Without CoDiPack only the crates are compared.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
format='%-11s %-12s %6.2f  %5.2f ×\n'
if [ "${1:-}" = --json ]; then
  format='{"case": "%s", "peer": "%s", "ns": %.4f, "over_scalar_tape": %.4f}\n'
  shift
fi
rounds=${1:-5} seconds=${2:-1}
build="$here/target"
codipack=${CODIPACK:-$build/CoDiPack}
data="$here/../../../../tests/adbench"

mkdir -p "$build"
cargo build --release --quiet --locked --ignore-rust-version --manifest-path "$here/Cargo.toml" --target-dir "$build"
if ! { [ -d "$codipack" ] || git clone --quiet --depth 1 --branch v3.1.1 https://github.com/SciCompKL/CoDiPack "$codipack"; } ||
  ! c++ -std=c++17 -O3 -march=native -DCODI_ForcedInlines=1 -I"$codipack/include" "$here/codipack.cpp" -o "$build/codipack"; then
  echo "CoDiPack is left out: it is not there, or does not build" >&2
  codipack=
fi

for _ in $(seq "$rounds"); do
  "$build/release/scalar-peers" "$seconds"
  [ -z "$codipack" ] || "$build/codipack" "$data" "$seconds"
done | sort -k1,2 -k3,3n | awk -v format="$format" '
  { key = $1 " " $2; times[key, ++count[key]] = $3; if (count[key] == 1) keys[++n] = key }
  END {
    for (k = 1; k <= n; ++k) ns[keys[k]] = times[keys[k], int((count[keys[k]] + 1) / 2)]
    for (k = 1; k <= n; ++k) {
      split(keys[k], name, " ")
      printf format, name[1], name[2], ns[keys[k]], ns[keys[k]] / ns[name[1] " scalar-tape"]
    }
  }'
