"""The book's simpleNet (4.4.2): one layer, its loss, and how the loss changes with every weight."""

import numpy as np

import zerokara as zk

# Two inputs, three outputs. The book draws these weights at random; here are the ones it prints.
W = np.array(
    [
        [0.47355232, 0.9977393, 0.84668094],
        [0.85557411, 0.03563661, 0.69422093],
    ]
)
x = np.array([0.6, 0.9])
t = np.array([0, 0, 1])  # the right answer is the third class


def loss(W: np.ndarray) -> float:
    """How far the answer is from the right one, as a function of the weights."""
    return zk.functions.cross_entropy_error(zk.functions.softmax(x @ W), t)


np.set_printoptions(precision=8)
print("scores", x @ W)
print("best class", np.argmax(x @ W))
print("loss", loss(W))

# Move each weight a little, up and down, and see how the loss follows.
print("gradient by differences")
print(zk.gradient.numerical_gradient(loss, W))

# The same without moving anything: one pass forward, one pass back.
net = zk.Sequential(
    [zk.Affine.from_arrays(W, np.zeros(3))], 2, loss=zk.SoftmaxWithLoss(), dtype=np.float64
)
print("gradient by backpropagation")
print(net.gradient(x, t)["affine1.W"])
