"""The book's DeepConvNet (8.1), layer by layer, on the handwritten digits of zerokara."""

import zerokara as zk

# The book's images have 28x28 pixels, these 8x8: the padding of 2 keeps something to pool.
train, (x_test, t_test) = zk.data.load_digits(flatten=False)
net = zk.Sequential(
    [
        zk.Convolution(16, 3, pad=1),
        zk.ReLU(),
        zk.Convolution(16, 3, pad=1),
        zk.ReLU(),
        zk.MaxPool(2),
        zk.Convolution(32, 3, pad=1),
        zk.ReLU(),
        zk.Convolution(32, 3, pad=2),
        zk.ReLU(),
        zk.MaxPool(2),
        zk.Convolution(64, 3, pad=1),
        zk.ReLU(),
        zk.Convolution(64, 3, pad=1),
        zk.ReLU(),
        zk.MaxPool(2),
        zk.Affine(50),
        zk.ReLU(),
        zk.Dropout(0.5),
        zk.Affine(10),
        zk.Dropout(0.5),
    ],
    input_shape=(1, 8, 8),
    loss=zk.SoftmaxWithLoss(),
)
print(net.summary())

zk.fit(net, train, optimizer=zk.Adam(), epochs=20)
print(f"accuracy {net.accuracy(x_test, t_test):.3f}")
