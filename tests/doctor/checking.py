"""Checking a class in this process, as the child of `zerokara check` does."""

from types import SimpleNamespace

import book_layers as right

from zerokara.check.session import Request, check_name


def look_at(kind, name="Planted", **asked):
    """The examination of a class at the usual inputs."""
    return check_name(SimpleNamespace(**{name: kind}), name, Request(__file__, [name], **asked))


def asked_of(base, square=False):
    """What to ask for a planted class of that base."""
    asked = {}
    if issubclass(base, right.Convolution):
        asked |= {"inputs": [[3, 2, 4, 5]], "arrays": {"W": [3, 2, 2, 2], "b": [3]}}
    elif square:
        asked |= {"inputs": [[4, 3]], "arrays": {"W": [3, 3], "b": [3]}}
    if issubclass(base, right.SoftmaxWithLoss):
        asked["target"] = "labels"
    return asked
