"""What each layer computes, forward and backward, as its own file writes it in NumPy."""

from __future__ import annotations

from typing import NamedTuple

from zerokara.layers import LAYERS, Layer, SoftmaxWithLoss


class Formula(NamedTuple):
    """A layer in words: y of x, dx and the parameters' gradients of dout, and why they are so."""

    forward: str
    backward: tuple[str, ...]
    rule: str


_EACH = "The chain rule, entry by entry: dL/dx = dL/dy * dy/dx, "
_MEAN = "The loss is a mean over N samples, so each sample's gradient is divided by N. "

FORMULAS: dict[str, Formula] = {
    "Add": Formula(
        "z = x + y",
        ("dx = dout", "dy = dout"),
        "dz/dx = dz/dy = 1: addition passes the gradient on to both sides, unchanged.",
    ),
    "Mul": Formula(
        "z = x * y",
        ("dx = dout * y", "dy = dout * x"),
        "dz/dx = y and dz/dy = x: each side receives the gradient times the other side, which "
        "is why forward has to remember both.",
    ),
    "Affine": Formula(
        "y = x @ W + b",
        ("dx = dout @ W.T", "dW = x.T @ dout", "db = dout.sum(axis=0)"),
        "The chain rule for a matrix product: towards x through W transposed, towards W through "
        "x transposed. b was added to every row, so its gradient is the sum over the rows.",
    ),
    "Convolution": Formula(
        "y[n, f] = sum over c of correlate(x[n, c], W[f, c]) + b[f]",
        (
            "dx = every entry of dout paints W, scaled by it, where its window lay",
            "dW[f, c] = sum over n of correlate(x[n, c], dout[n, f])",
            "db = dout.sum(axis=(0, 2, 3))",
        ),
        "An Affine layer that is repeated at each place of the window: the gradients of all "
        "places in which a number took part are summed.",
    ),
    "ConvTranspose": Formula(
        "y = every entry of x paints W, scaled by it, where its window lies; + b",
        (
            "dx = Convolution of dout with W",
            "dW = sum over n of correlate(dout[n], x[n])",
            "db = dout.sum(axis=(0, 2, 3))",
        ),
        "A Convolution turned round: forward is its backward, so backward is its forward.",
    ),
    "ReLU": Formula(
        "y = max(x, 0)",
        ("dx = dout where x > 0, else 0",),
        _EACH + "and dy/dx is 1 where x > 0 and 0 elsewhere: a gate that was open or shut.",
    ),
    "Sigmoid": Formula(
        "y = 1 / (1 + exp(-x))",
        ("dx = dout * y * (1 - y)",),
        _EACH + "and dy/dx = y (1 - y), at most 1/4: many in a row make gradients vanish.",
    ),
    "Tanh": Formula(
        "y = tanh(x)", ("dx = dout * (1 - y**2)",), _EACH + "and dy/dx = 1 - y**2, at most 1."
    ),
    "LeakyReLU": Formula(
        "y = x where x > 0, else negative_slope * x",
        ("dx = dout where x > 0, else dout * negative_slope",),
        _EACH + "and dy/dx is 1 where x > 0 and negative_slope elsewhere: a gate never quite shut.",
    ),
    "ELU": Formula(
        "y = x where x > 0, else alpha * (exp(x) - 1)",
        ("dx = dout where x > 0, else dout * (y + alpha)",),
        _EACH + "and dy/dx is 1 where x > 0 and alpha exp(x), which is y + alpha, elsewhere.",
    ),
    "GELU": Formula(
        "y = x * Phi(x), Phi the share of a normal distribution below x",
        ("dx = dout * (Phi(x) + x * exp(-x**2 / 2) / sqrt(2 pi))",),
        _EACH + "and by the product rule dy/dx is Phi plus x times its slope, the density.",
    ),
    "SiLU": Formula(
        "y = x * s, s = 1 / (1 + exp(-x))",
        ("dx = dout * s * (1 + x * (1 - s))",),
        _EACH + "and by the product rule dy/dx = s + x s (1 - s).",
    ),
    "Softplus": Formula(
        "y = log(1 + exp(x))",
        ("dx = dout / (1 + exp(-x))",),
        _EACH + "and dy/dx is the sigmoid of x: a step made smooth.",
    ),
    "Identity": Formula("y = x", ("dx = dout",), _EACH + "and dy/dx = 1."),
    "Softmax": Formula(
        "y = exp(x) / exp(x).sum(axis=-1)",
        ("dx = y * (dout - (dout * y).sum(axis=-1))",),
        "Every output depends on every input of its row, for the row's sum divides them all: "
        "dy_i/dx_j = y_i ((i == j) - y_j), summed over i.",
    ),
    "BatchNormalization": Formula(
        "xn = (x - mean) / std over the batch, feature by feature; y = gamma * xn + beta",
        (
            "dx = gamma / std * (dout - mean(dout) - xn * mean(dout * xn)); "
            "in inference gamma / std * dout",
            "dgamma = sum(dout * xn)",
            "dbeta = sum(dout)",
        ),
        "Mean and deviation are made of the same x, so what dout has in common with a constant and "
        "with xn cannot change y and goes no further. In inference they are fixed numbers.",
    ),
    "LayerNormalization": Formula(
        "xn = (x - mean) / std over each sample; y = gamma * xn + beta",
        (
            "dx = (g - mean(g) - xn * mean(g * xn)) / std, g = gamma * dout",
            "dgamma = sum(dout * xn)",
            "dbeta = sum(dout)",
        ),
        "Mean and deviation are made of the same x, so what g has in common with a constant and "
        "with xn cannot change y and goes no further.",
    ),
    "Dropout": Formula(
        "y = x * factor; in training factor is 0 for the entries that were dropped",
        ("dx = dout * factor",),
        _EACH + "and dy/dx is the factor of forward: what was dropped receives no gradient.",
    ),
    "Flatten": Formula(
        "y = x.reshape(N, -1)",
        ("dx = dout.reshape(x.shape)",),
        "The same numbers in another shape, so the same gradients in the old shape.",
    ),
    "MaxPool": Formula(
        "y = the greatest x in each window",
        ("dx = dout at the place of the greatest, 0 elsewhere",),
        "dy/dx is 1 for the number that won its window and 0 for the others. One that won "
        "several windows sums their gradients.",
    ),
    "AveragePool": Formula(
        "y = the mean of x in each window",
        ("dx = dout / (numbers of a window), to each of them",),
        "Each number is one part of the mean, so it receives an equal share of the gradient.",
    ),
    "GlobalAveragePool": Formula(
        "y = x.mean(axis=(2, 3))",
        ("dx = dout / (H * W), to each number of its channel",),
        "Each number is one part of the mean, so it receives an equal share of the gradient.",
    ),
    "SoftmaxWithLoss": Formula(
        "y = softmax(x); L = -sum(t * log(y)) / N",
        ("dx = (y - t) / N",),
        _MEAN + "Softmax and logarithm together leave only the difference between the answer "
        "and the target.",
    ),
    "SigmoidWithLoss": Formula(
        "y = sigmoid(x); L = -sum(t * log(y) + (1 - t) * log(1 - y)) / N",
        ("dx = (y - t) / N",),
        _MEAN + "Sigmoid and logarithm together leave only the difference between the answer "
        "and the target.",
    ),
    "IdentityWithLoss": Formula(
        "L = 0.5 * sum((x - t)**2) / N",
        ("dx = (x - t) / N",),
        _MEAN + "The half and the square leave the difference itself.",
    ),
    "MeanSquaredError": Formula(
        "L = mean((x - t)**2)",
        ("dx = 2 * (x - t) / x.size",),
        "The mean over all numbers divides each one's gradient, 2 (x - t), by their count.",
    ),
    "MeanAbsoluteError": Formula(
        "L = mean(abs(x - t))",
        ("dx = sign(x - t) / x.size",),
        "The mean over all numbers divides each one's gradient, 1 or -1, by their count: how far "
        "off does not matter, only on which side.",
    ),
    "Huber": Formula(
        "L = mean(0.5 * d**2 where abs(d) <= delta, else delta * (abs(d) - 0.5 * delta)), "
        "d = x - t",
        ("dx = clip(d, -delta, delta) / x.size",),
        "A square near the target and a line far from it, so the gradient grows up to delta and "
        "no further; the mean divides it by the count.",
    ),
}

UNKNOWN = Formula(
    "y = forward(x), as its class computes it",
    ("dx = backward(dout), as its class computes it",),
    "This layer is not zerokara's, so its formula is not known here. Whether its backward fits its "
    "forward, zerokara.gradcheck says.",
)


def formula_of(layer: Layer) -> Formula:
    """The formula of one of our layers; for any other class, a subclass too, that none is known."""
    name = type(layer).__name__
    if LAYERS.get(name) is not type(layer):
        return UNKNOWN
    if isinstance(layer, SoftmaxWithLoss) and not layer.plain:
        return _softmax_with_options(layer)
    return FORMULAS[name]


def _softmax_with_options(loss: SoftmaxWithLoss) -> Formula:
    smooth, weighted = bool(loss.label_smoothing), loss.class_weight is not None
    targets = f"t * (1 - {loss.label_smoothing:g}) + {loss.label_smoothing:g} / C"
    rules = [_MEAN if not weighted else ""]
    if smooth:
        rules.append("Smoothed targets u want no answer with certainty. ")
    if not weighted:
        u = "u" if smooth else "t"
        steps = ["y = softmax(x)", *([f"u = {targets}"] if smooth else [])]
        steps.append(f"L = -sum({u} * log(y)) / N")
        rules.append("Softmax and logarithm together leave only the difference.")
        return Formula("; ".join(steps), (f"dx = (y - {u}) / N",), "".join(rules))
    steps = ["y = softmax(x)", f"u = w * ({targets})" if smooth else "u = w * t"]
    steps.append("L = -sum(u * log(y)) / sum(w of each sample's class)")
    rules.append(
        "Each class's part of the error counts by its weight w, and the mean is divided by the "
        "weights' sum: a sample pulls towards its target by its own share."
    )
    slope = "dx = (y * u.sum(axis=1, keepdims=True) - u) / sum(w of each sample's class)"
    return Formula("; ".join(steps), (slope,), "".join(rules))
