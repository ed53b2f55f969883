"""The book's SimpleConvNet (7.5), layer by layer, on the handwritten digits of zerokara."""

import zerokara as zk

# Images keep their two dimensions: (N, 1, 8, 8).
train, (x_test, t_test) = zk.data.load_digits(flatten=False)
net = zk.Sequential(
    [
        zk.Convolution(30, 3),
        zk.ReLU(),
        zk.MaxPool(2),
        zk.Affine(100),
        zk.ReLU(),
        zk.Affine(10),
    ],
    input_shape=(1, 8, 8),
    loss=zk.SoftmaxWithLoss(),
)
print(net.summary())

zk.fit(net, train, optimizer=zk.Adam(), epochs=15)
print(f"accuracy {net.accuracy(x_test, t_test):.3f}")
