"""The steps of `device.rs` in PyTorch, eager and as CUDA graphs, one line of JSON for each: see `device.sh`."""

import json, sys, time
import torch
from torch import nn

torch.set_float32_matmul_precision("highest")
device = "cuda" if torch.cuda.is_available() else "cpu"
seconds = float(sys.argv[1])


def mlp(sizes, activation):
    layers = []
    for k, (m, n) in enumerate(zip(sizes, sizes[1:])):
        layers += [nn.Linear(m, n)] + ([activation()] if k + 2 < len(sizes) else [])
    return nn.Sequential(*layers)


class Residual(nn.Module):
    def __init__(self, width, depth, outputs):
        super().__init__()
        self.blocks = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))
        self.head = nn.Linear(width, outputs)

    def forward(self, h):
        for block in self.blocks:
            h = h + torch.tanh(block(h))
        return self.head(h)


class Recurrent(nn.Module):
    def __init__(self, inputs, width, times, outputs):
        super().__init__()
        self.cell, self.input = nn.Linear(width, width), nn.Linear(inputs, width, bias=False)
        self.head, self.times = nn.Linear(width, outputs), times

    def forward(self, x):
        u = self.input(x).view(self.times, -1, self.cell.out_features) + self.cell.bias
        h = torch.tanh(u[0])
        for t in range(1, self.times):
            h = torch.tanh(u[t] + h @ self.cell.weight.T)
        return self.head(h)


WORKLOADS = {
    "mnist": (lambda: mlp([784, 256, 128, 10], nn.ReLU), 128, 784, 10, True),
    "tanh": (lambda: mlp([784, 1024, 1024, 10], nn.Tanh), 256, 784, 10, True),
    "wide": (lambda: mlp([1024, 4096, 4096, 1000], nn.ReLU), 512, 1024, 1000, True),
    "resid": (lambda: Residual(64, 50, 10), 100, 64, 10, True),
    "rnn": (lambda: Recurrent(8, 32, 100, 1), 32, 8, 1, False),
}
for width in [256, 512, 1024, 2048, 4096, 8192]:
    WORKLOADS[f"width-{width}"] = (lambda width=width: mlp([width] * 4, nn.ReLU), 512, width, width, False)


def wait():
    if device == "cuda":
        torch.cuda.synchronize()


def median(step):
    step(), wait()
    count, times, start = 1, [], time.perf_counter()
    while len(times) < 3 or time.perf_counter() - start < seconds:
        before = time.perf_counter()
        for _ in range(count):
            step()
        wait()
        took = time.perf_counter() - before
        if took < seconds / 20:
            count *= 2
            continue
        times.append(took / count)
    return sorted(times)[len(times) // 2]


for name in sys.argv[2:] or WORKLOADS:
    build, batch, features, outputs, classes = WORKLOADS[name]
    try:
        torch.manual_seed(0)
        net = build().to(device)
        rows = batch * (100 if name == "rnn" else 1)
        x = torch.randn(rows, features, device=device)
        t = torch.randint(outputs, (batch,), device=device) if classes else torch.randn(batch, outputs, device=device)
        loss = nn.CrossEntropyLoss() if classes else nn.MSELoss()
        adam = torch.optim.Adam(net.parameters(), 1e-6, fused=device == "cuda", capturable=device == "cuda")

        def step():
            adam.zero_grad(set_to_none=True)
            loss(net(x), t).backward()
            adam.step()

        line = {"workload": name, "eager": median(step)}
        if device == "cuda":
            stream = torch.cuda.Stream()
            stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(stream):
                for _ in range(3):
                    step()
            torch.cuda.current_stream().wait_stream(stream)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                step()
            line["graphs"] = median(graph.replay)
    except RuntimeError as error:
        line = {"workload": name, "error": str(error)}
    print(json.dumps(line), flush=True)
