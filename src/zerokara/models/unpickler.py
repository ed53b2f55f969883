"""A reader of pickles that hold arrays by name, which has no way to run anything.

Python's own unpickler calls whatever a file names. This one is a small stack machine instead: it
knows the instructions that NumPy arrays in a dictionary need, turns the few names that they use
into values of its own, and calls nothing. What else a file asks for is refused. What a file can
make it hold is bounded by the file's size and by `MOST_INSTRUCTIONS`.

Formats: the standard library's `pickletools`, and `numpy.ndarray.__reduce__`.
"""

from __future__ import annotations

import codecs
import io
import pickletools
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from zerokara._types import Array
from zerokara.errors import ModelFileError

MOST_INSTRUCTIONS = 200_000
"""An array takes some thirty."""

_LARGEST_SIDE = 2**40
_MOST_AXES = 32
# The escapes that Python 2 writes in a str of protocol 0.
_ESCAPED = re.compile(rb"(?:[^\\]|\\(?:x[0-9a-fA-F]{2}|[\\'\"nrt]))*")
_DTYPE = re.compile(r"[<>|=]?(?:f[248]|[iu][1248]|b1)")
_MARK = object()


@dataclass(frozen=True)
class _Name:
    """A name that a file may use, as the bare word; nothing is imported."""

    word: str


@dataclass
class _Dtype:
    code: str
    order: str


@dataclass
class _Array:
    value: Array | None = None


_NAMES = {
    f"{module}.{name}": _Name(name)
    for modules, name in (
        (("numpy.core.multiarray", "numpy._core.multiarray"), "_reconstruct"),
        (("numpy.core.multiarray", "numpy._core.multiarray"), "scalar"),
        (("numpy.core.numeric", "numpy._core.numeric"), "_frombuffer"),
        (("numpy",), "ndarray"),
        (("numpy",), "dtype"),
        (("_codecs",), "encode"),  # bytes, as Python 3 writes them by protocols 0 to 2
        (("__builtin__", "builtins"), "bytes"),  # the same where they are empty
    )
    for module in modules
}


def unpickle(content: bytes) -> dict[str, Array]:
    """The arrays of a pickled dictionary, by name, in native byte order.

    Arrays and NumPy's scalars, which become arrays of shape (), of floats, integers and bools;
    all protocols, Python 2's included.

    Raises:
        ModelFileError: damaged, or anything else in it.
    """
    # An escape that Python does not know gives a warning there, and our error here.
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return _Machine(content).run()


class _Machine:
    def __init__(self, content: bytes) -> None:
        self.file = io.BytesIO(content)
        self.bytes_left = len(content)  # numbers that arrays may still hold, in bytes
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def run(self) -> dict[str, Array]:
        for _ in range(MOST_INSTRUCTIONS):
            name, argument = self._next()
            if name == "STOP":
                return self._result()
            if name in _CONSTANTS:
                self.stack.append(_CONSTANTS[name])
            elif name in _LITERALS:
                self.stack.append(argument)
            elif name in _STEPS:
                _STEPS[name](self, argument)
            elif name not in ("PROTO", "FRAME"):
                raise ModelFileError(f"the instruction {name}, which arrays have no need of")
        raise ModelFileError(f"more than {MOST_INSTRUCTIONS:,} instructions")

    def _next(self) -> tuple[str, Any]:
        instruction = _INSTRUCTIONS.get(self.file.read(1))
        if instruction is None:
            raise ModelFileError(f"no pickle instruction at byte {self.file.tell()}")
        try:
            if instruction.name == "STRING":
                text: Any = pickletools.read_stringnl(self.file, decode=False)
                if _ESCAPED.fullmatch(text) is None:
                    raise ValueError("an escape that Python 2 does not write")
                return "STRING", codecs.escape_decode(text)[0].decode("latin-1")
            reads = instruction.arg is not None
            return instruction.name, instruction.arg.reader(self.file) if reads else None
        except (ValueError, OverflowError, Warning) as error:
            raise ModelFileError(f"damaged at byte {self.file.tell()} ({error!s:.100})") from None

    def _result(self) -> dict[str, Array]:
        found = self.pop()
        if type(found) is not dict or self.stack:
            raise ModelFileError(f"expected a dictionary of arrays, found {_kind(found)}")
        arrays = {}
        for name, held in found.items():
            if type(held) is not _Array or held.value is None:
                raise ModelFileError(f"entry {name!r:.60} is {_kind(held)}, expected an array")
            arrays[name] = held.value
        return arrays

    def pop(self) -> Any:
        if not self.stack or self.stack[-1] is _MARK:
            raise ModelFileError("damaged: a value is missing")
        return self.stack.pop()

    def pop_to_mark(self) -> list[Any]:
        values: list[Any] = []
        while self.stack:
            value = self.stack.pop()
            if value is _MARK:
                return values[::-1]
            values.append(value)
        raise ModelFileError("damaged: a mark is missing")

    def put_tuple(self, count: int) -> None:
        self.stack.append(tuple([self.pop() for _ in range(count)][::-1]))

    def put(self, place: int) -> None:
        value = self.pop()
        self.stack.append(value)
        self.memo[place] = value

    def get(self, place: int) -> None:
        if place not in self.memo:
            raise ModelFileError(f"damaged: nothing was remembered as {place}")
        self.stack.append(self.memo[place])

    def look_up(self, name: Any) -> None:
        if name not in _NAMES:
            raise ModelFileError(f"the name {name!r:.80}, which is no part of an array")
        self.stack.append(_NAMES[name])

    def look_up_two(self, _: Any) -> None:
        name, module = self.pop(), self.pop()
        if type(name) is not str or type(module) is not str:
            raise ModelFileError("damaged: a name that is no text")
        self.look_up(f"{module}.{name}")

    def set_items(self, pairs: list[Any]) -> None:
        held = self.pop()
        if type(held) is not dict or len(pairs) % 2:
            raise ModelFileError("damaged: entries without a dictionary")
        for name, value in zip(pairs[::2], pairs[1::2], strict=True):
            # Checked before it is hashed: the hash of a tuple of tuples could take for ever.
            if type(name) is not str:
                raise ModelFileError(f"an entry is named by {_kind(name)}, expected text")
            held[name] = value
        self.stack.append(held)

    def new_dictionary(self, _: Any) -> None:
        pairs = self.pop_to_mark()
        self.stack.append({})
        self.set_items(pairs)

    def apply(self, _: Any) -> None:
        """REDUCE: what NumPy would be called for is made here."""
        arguments, name = self.pop(), self.pop()
        word = name.word if type(name) is _Name else None
        if word is None or type(arguments) is not tuple:
            raise ModelFileError(f"a call of {_kind(name)}")
        match word, arguments:
            case "_reconstruct", (_Name("ndarray"), _, _):
                self.stack.append(_Array())
            case "dtype", (str(code), *_) if _DTYPE.fullmatch(code):
                order, plain = code[:-2] or "=", code[-2:]
                self.stack.append(_Dtype(plain, order))
            case "scalar", (_Dtype() as dtype, data):
                self.stack.append(_Array(self.array((), dtype, False, data)))
            case "_frombuffer", (data, _Dtype() as dtype, tuple(shape), "C" | "F" as order):
                self.stack.append(_Array(self.array(shape, dtype, order == "F", data)))
            case "encode", (str(text), "latin1" | "latin-1"):
                self.stack.append(_latin(text))
            case "bytes", ():
                self.stack.append(b"")
            case _:
                raise ModelFileError(f"a call of {word} by which no plain array is made")

    def build(self, _: Any) -> None:
        """BUILD: the rest of an array or of a dtype."""
        state, target = self.pop(), self.pop()
        self.stack.append(target)
        match target, state:
            # Version, byte order; a dtype that is made of others would name them here.
            case _Dtype(), (int(), "<" | ">" | "|" | "=" as order, None, None, None, *_):
                target.order = order
            case _Array(value=None), (int(), tuple(shape), _Dtype() as dtype, is_fortran, data):
                target.value = self.array(shape, dtype, bool(is_fortran), data)
            case _:
                raise ModelFileError(f"a state of {_kind(target)} that no plain array has")

    def array(self, shape: tuple[Any, ...], given: _Dtype, fortran: bool, data: Any) -> Array:
        if type(data) is str:
            data = _latin(data)  # Python 2's str
        if type(data) not in (bytes, bytearray):
            raise ModelFileError(f"an array whose numbers are {_kind(data)}")
        if len(shape) > _MOST_AXES or not all(
            type(side) is int and 0 <= side <= _LARGEST_SIDE for side in shape
        ):
            raise ModelFileError("an array of an impossible shape")
        dtype = np.dtype(f"{given.order}{given.code}")
        count = 1
        for side in shape:
            count *= side
        if count * dtype.itemsize != len(data):
            raise ModelFileError(
                f"an array of shape {shape!s:.80} and {dtype} with {len(data):,} bytes of numbers"
            )
        self.bytes_left -= len(data)
        if self.bytes_left < 0:
            raise ModelFileError("arrays that together are larger than the file")
        try:
            stored = np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C")
        except ValueError:  # sides beside a 0 whose product no machine can count
            raise ModelFileError("an array of an impossible shape") from None
        return np.array(stored, dtype.newbyteorder("="), order="C")


_INSTRUCTIONS: dict[bytes, Any] = {
    instruction.code.encode("latin-1"): instruction for instruction in pickletools.opcodes
}

_CONSTANTS = dict(NONE=None, NEWTRUE=True, NEWFALSE=False, EMPTY_TUPLE=(), MARK=_MARK)

_LITERALS = {
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1"),
    *("STRING", "BINSTRING", "SHORT_BINSTRING"),
    *("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
}

_STEPS: dict[str, Callable[[_Machine, Any], None]] = {
    "EMPTY_DICT": lambda machine, _: machine.stack.append({}),
    "DICT": _Machine.new_dictionary,
    "SETITEM": lambda machine, _: machine.set_items([machine.pop(), machine.pop()][::-1]),
    "SETITEMS": lambda machine, _: machine.set_items(machine.pop_to_mark()),
    "TUPLE": lambda machine, _: machine.stack.append(tuple(machine.pop_to_mark())),
    "TUPLE1": lambda machine, _: machine.put_tuple(1),
    "TUPLE2": lambda machine, _: machine.put_tuple(2),
    "TUPLE3": lambda machine, _: machine.put_tuple(3),
    "PUT": _Machine.put,
    "BINPUT": _Machine.put,
    "LONG_BINPUT": _Machine.put,
    "MEMOIZE": lambda machine, _: machine.put(len(machine.memo)),
    "GET": _Machine.get,
    "BINGET": _Machine.get,
    "LONG_BINGET": _Machine.get,
    "GLOBAL": lambda machine, argument: machine.look_up(argument.replace(" ", ".")),
    "STACK_GLOBAL": _Machine.look_up_two,
    "REDUCE": _Machine.apply,
    "BUILD": _Machine.build,
}


def _latin(text: str) -> bytes:
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        raise ModelFileError("bytes written as text that is none") from None


def _kind(value: Any) -> str:
    """What a value is, in words; its contents may be anything, and are not looked at."""
    return {
        _Array: "an array",
        _Dtype: "a dtype",
        _Name: "a name",
        dict: "a dictionary",
        type(None): "None",
    }.get(type(value), f"a {type(value).__name__}")
