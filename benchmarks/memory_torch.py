"""What memory.py measures of PyTorch: one training run that imports PyTorch and nothing of ours.

python benchmarks/memory_torch.py bytes|float32 IMAGES LABELS SIZES ROWS OPTIMIZER LR STEPS

IMAGES and LABELS are MNIST-like IDX files, SIZES such as 784-50-10; STEPS 0 is one epoch. Prints
the last loss.
"""

from __future__ import annotations

import gzip
import sys
from itertools import pairwise

import torch


def main() -> None:
    kind, images, labels, shape, rows, optimizer, lr, steps = sys.argv[1:]
    x = read(images, 16).view(-1, 784)
    t = read(labels, 8).long()
    if kind == "float32":
        x = x.to(torch.float32).div_(255)
    sizes = [int(size) for size in shape.split("-")]
    layers: list[torch.nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        layers += [torch.nn.Linear(inputs, outputs), torch.nn.ReLU()]
    net = torch.nn.Sequential(*layers[:-1])
    make = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[optimizer]
    update = make(net.parameters(), lr=float(lr))
    batches = torch.randperm(len(t)).split(int(rows))
    loss = torch.tensor(float("nan"))
    for batch in batches[: int(steps) or None]:
        drawn = x[batch]
        if kind == "bytes":
            drawn = drawn.to(torch.float32).div_(255)
        loss = torch.nn.functional.cross_entropy(net(drawn), t[batch])
        update.zero_grad()
        loss.backward()
        update.step()
    print(float(loss.detach()))


def read(path: str, header: int) -> torch.Tensor:
    """The bytes of an IDX file, plain or compressed, without its header."""
    with open(path, "rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    with gzip.open(path, "rb") if packed else open(path, "rb") as file:
        file.read(header)
        return torch.frombuffer(bytearray(file.read()), dtype=torch.uint8)


if __name__ == "__main__":
    main()
