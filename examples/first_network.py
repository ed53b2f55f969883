"""A network of one's own in ten lines, trained on the handwritten digits that zerokara carries."""

import zerokara as zk

(x_train, t_train), (x_test, t_test) = zk.data.load_digits()
net = zk.Sequential(
    [zk.Affine(50), zk.ReLU(), zk.Affine(10)], input_shape=64, loss=zk.SoftmaxWithLoss()
)
zk.fit(net, (x_train, t_train), optimizer=zk.SGD(lr=0.5), epochs=20)
print(net.accuracy(x_test, t_test))
print(net.predict(x_test[:5]).argmax(axis=1))
