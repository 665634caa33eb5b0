#!/usr/bin/env bash
# Runs the example on 1 to 4 ranks and compares the bits of its files with a run of one process on one thread; then kills a random rank
# again and again, and compares the run that is resumed each time on another number of ranks.
#
#   crates/mpi/test.sh [kills]
set -euo pipefail
cd "$(dirname "$0")"
kills=${1:-10}
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
ranks() { mpirun --oversubscribe --bind-to none -n "$@"; }

cargo build --release --quiet --examples
target=${CARGO_TARGET_DIR:-target}
digits=$target/release/examples/digits_mpi
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

same() { # the folders of a run of one process and of another one
  for file in model.nn history.csv run.checkpoint; do
    cmp "$1/$file" "$2/$file" || { echo "$2: $file has other bits than the run of one process"; exit 1; }
  done
}

"$digits" --quiet --out "$out/alone"
for count in 1 2 3 4; do
  for threads in 1 2; do
    ranks "$count" "$digits" --quiet --threads "$threads" --out "$out/$count-$threads" >/dev/null
    same "$out/alone" "$out/$count-$threads"
  done
done
"$digits" --quiet --shard 128 --out "$out/two-shards"
ranks 2 "$digits" --quiet --shard 128 --overlap --out "$out/overlap" >/dev/null
same "$out/two-shards" "$out/overlap"
echo "the bits are the same on 1, 2, 3 and 4 ranks of 1 and 2 threads, and when gradients are sent while others are computed"

# A rank whose data are wrong ends all, with its message, and mpirun fails.
if ranks 3 "$target/release/examples/failing_rank" "$out/failing" >"$out/log" 2>&1; then
  echo "a rank failed, and the others went on"; exit 1
fi
grep -q "the disk of rank 1 is gone" "$out/log" || { cat "$out/log"; exit 1; }
[ -s "$out/failing" ] || { echo "a rank failed, and no checkpoint is there"; exit 1; }
ranks 2 "$target/release/examples/failing_rank" "$out/failing" --mended >"$out/log" 2>&1 || { cat "$out/log"; exit 1; }
echo "a rank that failed ended all with its message, and the run was resumed"

long=(--quiet --epochs 300)
"$digits" "${long[@]}" --out "$out/long"
killed=0 later=0 whole=0
while [ "$killed" -lt "$kills" ]; do
  run=$out/killed
  rm -rf "$run"
  while :; do
    count=$((1 + RANDOM % 4))
    mpirun --oversubscribe --bind-to none -n "$count" "$digits" "${long[@]}" --out "$run" >"$out/log" 2>&1 &
    job=$!
    if [ "$killed" -lt "$kills" ]; then
      sleep "$((RANDOM % 2)).$((4 + RANDOM % 6))"
      # One process of this run, at random.
      victim=$(pgrep -P "$job" -x digits_mpi | shuf -n 1 || true)
      if [ -n "$victim" ] && kill -KILL "$victim" 2>/dev/null; then
        killed=$((killed + 1))
        [ ! -s "$run/run.checkpoint" ] || later=$((later + 1))
      fi
    fi
    if wait "$job"; then break; fi
    # A rank that was killed is no error of the program; anything else is.
    grep -qE "signal 9|Killed|killed" "$out/log" || { cat "$out/log"; exit 1; }
  done
  same "$out/long" "$run"
  whole=$((whole + 1))
done
echo "$killed ranks were killed, $later of them after the first checkpoint; $whole runs were resumed to the end, with the same bits"
