"""The time of a loss and its gradient through 200 Runge-Kutta steps, divided by PyTorch's, in turns.

pip install torch
python crates/solve/benches/compare_ode.py [--turns N]

Both compute the same numbers, which is checked. PyTorch computes with vectors of two numbers, on one thread. Its time is that of the processor,
because a gradient takes long enough for other programs to interrupt it; ours is the median of 50 gradients.
"""
import argparse, json, pathlib, statistics, subprocess, time

import torch

ROOT = pathlib.Path(__file__).resolve().parents[3]
STEP = 0.1


def slope(y, p):
    x, z = y[0], y[1]
    return torch.stack([p[0] * x - p[1] * x * z, p[3] * x * z - p[2] * z])


def simulate(p):
    y, seen = torch.tensor([10.0, 5.0], dtype=torch.float64), []
    for step in range(1, 201):
        k1 = slope(y, p)
        k2 = slope(y + k1 * (STEP / 2), p)
        k3 = slope(y + k2 * (STEP / 2), p)
        k4 = slope(y + k3 * STEP, p)
        y = y + (k1 + 2 * (k2 + k3) + k4) * (STEP / 6)
        if step % 5 == 0:
            seen.append(y)
    return torch.stack(seen)


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--turns", type=int, default=7)
    turns = a.parse_args().turns
    torch.set_num_threads(1)
    with torch.no_grad():
        seen = simulate(torch.tensor([1.1, 0.4, 0.4, 0.1], dtype=torch.float64))
    p = torch.tensor([1.0, 0.35, 0.45, 0.12], dtype=torch.float64, requires_grad=True)
    command = ["cargo", "bench", "--quiet", "-p", "tape-solve", "--bench", "ode"]
    ours = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    ratios = []
    for turn in range(turns + 1):
        ours.stdin.write("\n")
        ours.stdin.flush()
        line = json.loads(ours.stdout.readline())
        begin = time.process_time()
        p.grad = None
        loss = 0.5 * ((simulate(p) - seen) ** 2).sum()
        loss.backward()
        theirs = 1e6 * (time.process_time() - begin)
        assert abs(line["loss"] / loss.item() - 1) < 1e-9, (line, loss)
        assert all(abs(x / y - 1) < 1e-8 for x, y in zip(line["gradient"], p.grad.tolist())), (line, p.grad)
        if turn > 0:  # the first one warms both up
            ratios.append(line["us"] / theirs)
    ours.stdin.close()
    ours.wait()
    print(f"200 Runge-Kutta steps with their gradient: {statistics.median(ratios):.5f} of PyTorch's time (1 / {1 / statistics.median(ratios):.0f})")


if __name__ == "__main__":
    main()
