"""What memory.py measures of zerokara: one training run, images as bytes.

python benchmarks/memory_ours.py TASK STEPS [DATA_DIR]

STEPS 0 is one epoch. Prints the last loss.
"""

from __future__ import annotations

import sys

import numpy as np
from harness.tasks import TASKS

import zerokara as zk


def main() -> None:
    name, steps = sys.argv[1], int(sys.argv[2])
    root = sys.argv[3] if len(sys.argv) > 3 else None
    task = next(task for task in TASKS if task.name == name)
    (x, t), _ = zk.data.load_fashion_mnist(normalize="lazy", root=root)
    net = task.build_network()
    step = zk.compile_step(net, task.build_optimizer(), x, t, batch_size=task.rows)
    order = np.random.default_rng(4).permutation(len(t))
    order = order[: steps * task.rows] if steps else order
    bounds = np.append(np.arange(0, len(order), task.rows), len(order))
    print(float(step.run(order, bounds)[-1]))


if __name__ == "__main__":
    main()
