"""What PyTorch and scikit-learn's converter write is read, and gives what they give."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import zerokara as zk
from zerokara.interop import onnx as zonnx

pytestmark = [pytest.mark.peers, pytest.mark.filterwarnings("default")]


@pytest.fixture(scope="module")
def torch() -> Any:
    return pytest.importorskip("torch", reason="`make peers` installs PyTorch")


def mlp(nn: Any) -> tuple[Any, tuple[int, ...]]:
    return nn.Sequential(
        nn.Flatten(), nn.Linear(12, 8), nn.GELU(), nn.Dropout(), nn.Linear(8, 5, bias=False),
        nn.LayerNorm(5), nn.SiLU(), nn.Linear(5, 3), nn.Softmax(1),
    ), (3, 4)  # fmt: skip


def conv(nn: Any) -> tuple[Any, tuple[int, ...]]:
    return nn.Sequential(
        nn.Conv2d(2, 6, 3, padding=1, stride=2, bias=False), nn.BatchNorm2d(6), nn.ReLU(),
        nn.Conv2d(6, 6, (3, 1), padding=(1, 0), groups=3, dilation=(2, 1)), nn.LeakyReLU(0.2),
        nn.MaxPool2d(2, ceil_mode=True), nn.ConvTranspose2d(6, 4, 3, 2, 1, 1), nn.ELU(1.5),
        nn.AvgPool2d(2, padding=1), nn.Conv2d(4, 4, 1), nn.Softplus(), nn.AdaptiveAvgPool2d(1),
        nn.Flatten(), nn.Linear(4, 4), nn.GELU("tanh"), nn.BatchNorm1d(4), nn.Linear(4, 2),
        nn.Sigmoid(),
    ), (2, 16, 16)  # fmt: skip


def residual(nn: Any) -> tuple[Any, tuple[int, ...]]:
    class Residual(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.first, self.last = nn.Conv2d(2, 2, 3, padding=1), nn.Linear(32, 3)

        def forward(self, x: Any) -> Any:
            h = (self.first(x) + x).relu() * 0.5 - 0.25
            return self.last(h.view(h.size(0), -1)).tanh()

    return Residual(), (2, 4, 4)


EXPORTERS: dict[str, dict[str, Any]] = {
    "legacy, opset 17": {"dynamo": False, "opset_version": 17},
    "legacy, fixed batch": {"dynamo": False, "opset_version": 17},
    "new": {"dynamo": True, "verbose": False},
}


@pytest.mark.parametrize("exporter", EXPORTERS)
@pytest.mark.parametrize("make", [mlp, conv, residual])
def test_pytorch(torch: Any, make: Callable[..., Any], exporter: str, tmp_path: Path) -> None:
    options = dict(EXPORTERS[exporter])
    if options["dynamo"]:
        pytest.importorskip("onnxscript", reason="the new exporter needs onnxscript")
        options["dynamic_shapes"] = ({0: torch.export.Dim("batch")},)
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    elif "fixed" not in exporter:
        options |= {"input_names": ["in.put"], "dynamic_axes": {"in.put": {0: "batch"}}}
    torch.manual_seed(3)
    module, shape = make(torch.nn)
    for each in module.modules():
        if hasattr(each, "running_var"):
            each.running_mean.normal_()
            each.running_var.uniform_(0.5, 2)
    module.eval()
    x = torch.randn(4, *shape)
    path = tmp_path / "net.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(module, (x,), path, **options)
    net = zonnx.load(path)
    wanted = module(x).detach().numpy()
    assert np.ptp(wanted) > 0.01
    np.testing.assert_allclose(net.predict(x.numpy()), wanted, atol=2e-6)


def test_a_network_of_pytorch_trains_on(torch: Any, tmp_path: Path) -> None:
    module = torch.nn.Sequential(torch.nn.Linear(64, 10), torch.nn.Softmax(1))
    path = tmp_path / "net.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(module.eval(), (torch.zeros(1, 64),), path, dynamo=False)
    net = zonnx.load(path, loss=zk.SoftmaxWithLoss())
    (x, t), _ = zk.data.load_digits()
    np.testing.assert_allclose(
        net.probabilities(x[:5]), module(torch.from_numpy(x[:5])).detach().numpy(), atol=1e-6
    )
    zk.fit(net, (x, t), optimizer=zk.SGD(lr=0.5), epochs=3)
    assert net.accuracy(x, t) > 0.85


def estimators() -> dict[str, tuple[Any, str]]:
    linear = pytest.importorskip("sklearn.linear_model")
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    small = {"hidden_layer_sizes": (6, 5), "max_iter": 20, "random_state": 0}
    return {
        "classifier": (MLPClassifier(**small), "three"),
        "two classes": (MLPClassifier(activation="tanh", **small), "two"),
        "scaled": (make_pipeline(StandardScaler(), MLPClassifier(**small)), "words"),
        "regressor": (MLPRegressor(activation="logistic", **small), "number"),
        "logistic": (make_pipeline(StandardScaler(), linear.LogisticRegression()), "three"),
        "linear": (linear.LinearRegression(), "number"),
    }


@pytest.mark.parametrize("zipmap", [False, True])
@pytest.mark.parametrize("name", estimators() if pytest.importorskip("sklearn") else ())
def test_scikit_learn(name: str, zipmap: bool, tmp_path: Path) -> None:
    skl2onnx = pytest.importorskip("skl2onnx", reason="`make peers` installs skl2onnx")
    estimator, kind = estimators()[name]
    rng = np.random.default_rng(5)
    x = rng.normal(3, 2, (80, 4)).astype(np.float32)
    targets = {
        "three": (x.sum(axis=1) > 12) + (x[:, 0] > 3) * 1,
        "two": (x[:, 0] > x[:, 1]) * 1,
        "words": np.where(x[:, 0] > x[:, 1], "above", "below"),
        "number": x[:, 0] * 2 - x[:, 1],
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        estimator.fit(x, targets[kind])
    classifies = hasattr(estimator, "predict_proba")
    options = {"zipmap": zipmap} if classifies else None
    made = skl2onnx.to_onnx(estimator, x[:1], options=options)
    path = tmp_path / "net.onnx"
    path.write_bytes(made.SerializeToString())
    net = zonnx.load(path)
    wanted = estimator.predict_proba(x) if classifies else estimator.predict(x)
    np.testing.assert_allclose(net.predict(x), wanted.reshape(80, -1), atol=2e-5)
