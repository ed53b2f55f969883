"""The errors that zerokara raises: one family, each also the built-in that fits.

Every message says what was given, what was expected and where. Catch ``ZerokaraError`` for all of
them, or the built-in (``ValueError``, ``TypeError``, ``OSError``, ...) as with any other library.
"""

from __future__ import annotations


class ZerokaraError(Exception):
    """The root of the family."""


class ArgumentError(ZerokaraError, ValueError):
    """An argument has the right type and a value that cannot be used."""


class ShapeError(ArgumentError):
    """An array has a shape that does not fit the place it was given to."""


class LabelError(ArgumentError):
    """Targets are neither class indices nor one-hot rows that fit the scores beside them."""


class DtypeError(ZerokaraError, TypeError):
    """An array holds numbers of a kind that cannot be used there."""


class OrderError(ZerokaraError, RuntimeError):
    """A call came too early, such as ``backward`` before ``forward``."""


class MissingMethodError(ZerokaraError, NotImplementedError):
    """A class lacks a method that its kind must have, such as a layer without ``backward``."""


class DataError(ZerokaraError, OSError):
    """A data file is missing, cannot be fetched, or is not what its name promises."""


class ModelFileError(ZerokaraError, OSError):
    """A model file is missing, damaged, or of a kind that this version does not read."""


class DivergedError(ZerokaraError, ArithmeticError):
    """Training met a loss that is NaN or infinite and stopped."""


class MissingExtraError(ZerokaraError, ImportError):
    """A feature needs a package that is not installed; the message gives the ``pip`` command."""
