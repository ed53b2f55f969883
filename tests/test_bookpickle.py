"""The reader of the book's pickles: every protocol, and hostile files from which nothing runs."""

from __future__ import annotations

import builtins
import collections
import os
import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zerokara.errors import ModelFileError
from zerokara.interop import bookpickle
from zerokara.models.unpickler import unpickle

ARRAYS = {
    "W1": np.arange(12, dtype=np.float32).reshape(3, 4),
    "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "big end": np.array([1.5, -2], ">f8"),
    "strided": np.arange(10)[::2],
    "bytes": np.array([[0, 255, 128, 10, 39, 92]], np.uint8),
    "empty": np.zeros((0, 3), np.float32),
    "number": np.array(2.5),
    "bools": np.array([True, False]),
    "half": np.array([1, 2], np.float16),
}


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_every_protocol(protocol: int, tmp_path: Path) -> None:
    scalars = {"scalar": np.float64(0.25), "count": np.int32(-7)}
    path = tmp_path / "weights.pkl"
    path.write_bytes(pickle.dumps({**ARRAYS, **scalars}, protocol))
    found = bookpickle.load(path)
    assert list(found) == [*ARRAYS, *scalars]
    for name, wanted in {**ARRAYS, **scalars}.items():
        assert found[name].dtype == wanted.dtype.newbyteorder("=")
        assert found[name].dtype.isnative
        assert found[name].shape == wanted.shape
        assert np.array_equal(found[name], wanted)
        assert found[name].flags.writeable


@pytest.mark.parametrize("protocol", [0, 2])
def test_python_2s_str(protocol: int) -> None:
    numbers = np.array([0.1, -7.25, 39.0, 1e300], "<f8")
    data = numbers.tobytes()
    if protocol == 0:  # as Python 2 writes it: repr of a str
        escaped = "".join(f"\\x{byte:02x}" for byte in data).encode()
        content = (
            b"(dp0\nS'b1'\np1\ncnumpy.core.multiarray\n_reconstruct\np2\n(cnumpy\nndarray\np3\n"
            b"(I0\ntp4\nS'b'\np5\ntp6\nRp7\n(I1\n(I4\ntp8\ncnumpy\ndtype\np9\n(S'f8'\np10\nI0\nI1\n"
            b"tp11\nRp12\n(I3\nS'<'\np13\nNNNI-1\nI-1\nI0\ntp14\nbI00\nS'" + escaped + b"'\np15\n"
            b"tp16\nbs."
        )
    else:
        content = (
            b"\x80\x02}q\x00U\x02b1cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85"
            b"U\x01b\x87R(K\x01K\x04\x85cnumpy\ndtype\nU\x02f8K\x00K\x01\x87R(K\x03U\x01<NNN"
            b"J\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89U" + bytes([len(data)]) + data + b"tbs."
        )
        assert pickle.loads(content, encoding="latin1").keys() == {"b1"}
    assert np.array_equal(unpickle(content)["b1"], numbers)


class Runs:
    """Pickles to a call of whatever it is given."""

    def __init__(self, call: Any, *arguments: Any) -> None:
        self.reduced = (call, arguments)

    def __reduce__(self) -> Any:
        return self.reduced


def frame(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n".encode()


RECONSTRUCT = frame("numpy.core.multiarray", "_reconstruct")
EMPTY_ARRAY = RECONSTRUCT + frame("numpy", "ndarray") + b"K\x00\x85C\x01b\x87R"
DTYPE = frame("numpy", "dtype") + b"X\x02\x00\x00\x00f4K\x00K\x01\x87R"
NAME = b"X\x01\x00\x00\x00W"

CALLS = {
    "os.system": Runs(os.system, "touch ran"),
    "eval": Runs(eval, "open('ran', 'w')"),
    "exec": Runs(exec, "open('ran', 'w')"),
    "open": Runs(open, "ran", "w"),
    "getattr": Runs(getattr, Runs(getattr, dict, "fromkeys"), "__self__"),
    "import": Runs(builtins.__import__, "os"),
    "np.load": Runs(np.load, "ran"),
    "np.fromfile": Runs(np.fromfile, "ran"),
    "OrderedDict": collections.OrderedDict(W=np.ones(2)),
    "a set": {"W": {1, 2}},
    "a number": {"W": 1.5},
    "text": {"W": "text"},
    "a list": {"W": [1.0, 2.0]},
    "dictionaries": {"W": {"W": np.ones(2)}},
    "a list of arrays": [np.ones(2)],
    "None": None,
    "objects": {"W": np.array([Runs(os.system, "touch ran"), 1], object)},
    "text array": {"W": np.array(["a"])},
    "structured": {"W": np.zeros(2, "f4,i4")},
    "subarray dtype": {"W": np.zeros(2, np.dtype([("a", "f4", (2,))]))},
    "dates": {"W": np.zeros(2, "M8[s]")},
    "complex": {"W": np.ones(2, complex)},
    "masked": {"W": np.ma.array([1.0])},
    "named by numbers": {1: np.ones(2)},
    "named by a tuple": {("W",): np.ones(2)},
    "reconstruct of another class": {
        "W": Runs(np._core.multiarray._reconstruct, np.matrix, (0,), b"b")
    },
    "a dtype of a class": {"W": Runs(np.dtype, Runs(os.system, "touch ran"))},
    "an aligned dtype of dictionaries": {"W": Runs(np.dtype, {"names": ["a"], "formats": ["O"]})},
    "an object scalar": {"W": Runs(np._core.multiarray.scalar, np.dtype("O"), b"x")},
    "a call of ndarray": {"W": Runs(np.ndarray, (2**40,))},
}


@pytest.mark.hostile
@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
@pytest.mark.parametrize("name", CALLS)
def test_hostile_objects_are_refused_and_nothing_runs(
    name: str, protocol: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bad.pkl").write_bytes(pickle.dumps(CALLS[name], protocol))
    with pytest.raises(ModelFileError) as caught:
        bookpickle.load("bad.pkl")
    assert str(caught.value).startswith("bad.pkl: is no pickle of arrays by name")
    assert len(str(caught.value)) < 400
    assert os.listdir() == ["bad.pkl"]


STREAMS = {
    "nothing": b"",
    "no end": b"}",
    "no pickle": b"\xff\xd8\xff\xe0 a picture",
    "an empty stack": b".",
    "two values": b"}}.",
    "a value below a mark": b"}((.",
    "a mark as a value": b"(.",
    "tuple without values": b"\x85.",
    "entries without a dictionary": b"NX\x01\x00\x00\x00WN(u.",
    "entries in an array": EMPTY_ARRAY + NAME + b"Ns.",
    "half an entry": b"}(" + NAME + b"u.",
    "an array without numbers": b"}" + NAME + EMPTY_ARRAY + b"s.",
    "persistent id": b"P0\n.",
    "binary persistent id": b"K\x00Q.",
    "extension 1": b"\x82\x01.",
    "extension 4": b"\x84\x01\x00\x00\x00.",
    "NEWOBJ": frame("builtins", "bytes") + b")\x81.",
    "NEWOBJ_EX": frame("builtins", "bytes") + b")}\x92.",
    "INST": b"(S'touch ran'\nios\nsystem\n.",
    "OBJ": b"(" + frame("os", "system") + b"S'touch ran'\no.",
    "a name of two dots": frame("numpy.core.multiarray", "_reconstruct.__globals__") + b".",
    "a name by pieces": b"X\x02\x00\x00\x00osX\x06\x00\x00\x00system\x93S'touch ran'\n\x85R.",
    "a name of numbers": b"K\x01K\x02\x93.",
    "a call of a call": EMPTY_ARRAY + b")R.",
    "attributes of a name": frame("numpy", "ndarray") + b"}" + NAME + b"Nsb.",
    "attributes of a dictionary": b"}}b.",
    "a dtype with fields": b"}" + NAME + DTYPE + b"(K\x03U\x01|N)}J\xff\xff\xff\xffK\x00K\x00tbs.",
    "a dtype of objects": frame("numpy", "dtype") + b"X\x01\x00\x00\x00OK\x00K\x01\x87R.",
    "no memory of it": b"h\x07.",
    "a memory far away": b"}r\xff\xff\xff\x7f0.",
    "out-of-band buffer": b"\x97.",
    "long text": b"X\xff\xff\xff\x7f" + b"a" * 9,
    "very long text": b"\x8d" + struct.pack("<Q", 2**62) + b"a" * 9,
    "very long bytes": b"\x8e" + struct.pack("<Q", 2**62) + b"a" * 9,
    "very long bytearray": b"\x96" + struct.pack("<Q", 2**62) + b"a" * 9,
    "negative length": b"T\xff\xff\xff\xff",
    "long frame": b"\x80\x04\x95" + struct.pack("<Q", 2**62) + b".",
    "long number": b"I" + b"9" * 10_000 + b"\n.",
    "bad utf-8": b"X\x01\x00\x00\x00\xff.",
    "bad escape": b"S'\\q'\n.",
    "unended quote": b"S'abc\n.",
    "another encoding": frame("_codecs", "encode") + NAME + b"X\x05\x00\x00\x00rot13\x86R.",
    "another codec of a name": frame("_codecs", "encode") + b"X\x02\x00\x00\x00\xc4\x80"
    b"X\x06\x00\x00\x00latin1\x86R.",
    "bytes of a size": frame("builtins", "bytes") + b"J\xff\xff\xff\x7f\x85R.",
}


@pytest.mark.hostile
@pytest.mark.parametrize("name", STREAMS)
def test_hostile_streams_are_refused_and_nothing_runs(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelFileError):
        unpickle(STREAMS[name])
    assert os.listdir() == []


def array_of(shape: bytes, data: bytes, dtype: bytes = DTYPE) -> bytes:
    return b"}" + NAME + EMPTY_ARRAY + b"(K\x01" + shape + dtype + b"\x89" + data + b"tbs."


def test_the_pieces_of_the_hostile_streams_make_an_array() -> None:
    assert unpickle(array_of(b"K\x01\x85", b"C\x04\0\0\x80?"))["W"].tolist() == [1]


LONG = b"\x8a\x09" + (2**64).to_bytes(9, "little")


@pytest.mark.hostile
@pytest.mark.parametrize(
    "content",
    [
        array_of(b"K\x02\x85", b"C\x04\0\0\x80?"),
        array_of(LONG + b"\x85", b"C\x04\0\0\x80?"),
        array_of(b"J\xff\xff\xff\xff\x85", b"C\x04\0\0\x80?"),
        array_of(b"K\x00" + LONG + b"\x86", b"C\x00"),
        array_of(b"(K\x00" + b"J\xff\xff\xff\x7f" * 20 + b"t", b"C\x00"),
        array_of(b"(" + b"K\x01" * 70 + b"t", b"C\x04\0\0\x80?"),
        array_of(b"NK\x01\x86", b"C\x04\0\0\x80?"),
        array_of(b"K\x01\x85", b"N"),
        array_of(b"K\x01\x85", b"K\x04"),
        array_of(b"K\x01\x85", b"C\x04\0\0\x80?", b"N"),
    ],
)
def test_impossible_arrays_are_refused(content: bytes) -> None:
    with pytest.raises(ModelFileError):
        unpickle(content)


@pytest.mark.hostile
def test_bombs_go_off_at_once() -> None:
    deep = b"N" + b"\x85" * 100_000
    doubled = b"N\x94" + b"".join(b"h\x00h\x00\x86q\x00" for _ in range(5_000))
    for value in (deep, doubled):
        for content in (
            value + b".",
            b"}" + value + b"Ns.",  # as a key, whose hash alone would never end
            b"}" + NAME + value + b"s.",
            b"}" + NAME + EMPTY_ARRAY + value + b"bs.",
            value + b"R.",
        ):
            with pytest.raises(ModelFileError):
                unpickle(content)
    with pytest.raises(ModelFileError, match="more than 200,000 instructions"):
        unpickle(b"}" * 300_000)
    # A megabyte that is said to be a thousand arrays.
    data = b"\x8e" + struct.pack("<Q", 2**20) + bytes(2**20) + b"\x94"
    one = EMPTY_ARRAY + b"(K\x01J\x00\x00\x04\x00\x85" + DTYPE + b"\x89h\x00tb"
    again = b"".join(b"X\x04\x00\x00\x00" + b"%04d" % i + one for i in range(1000))
    with pytest.raises(ModelFileError, match="larger than the file"):
        unpickle(data + b"}(" + again + b"u.")


@pytest.mark.hostile
@settings(max_examples=400)
@given(st.data())
def test_a_damaged_file_gives_arrays_or_our_error(data: st.DataObject) -> None:
    protocol = data.draw(st.integers(0, 5))
    content = bytearray(pickle.dumps(ARRAYS, protocol))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] = data.draw(st.integers(0, 255))
    content = content[: data.draw(st.integers(len(content) // 2, len(content)))]
    try:
        found = unpickle(bytes(content))
    except ModelFileError:
        return
    assert all(type(array) is np.ndarray and array.dtype.kind in "fiub" for array in found.values())


@pytest.mark.hostile
def test_an_unknown_escape_is_damage() -> None:
    with pytest.raises(ModelFileError, match="invalid escape sequence"):
        unpickle(b"cnumpy\n\\u\n.")


@pytest.mark.hostile
@settings(max_examples=300)
@given(st.binary(max_size=60))
def test_any_bytes_give_our_error(content: bytes) -> None:
    try:
        assert unpickle(content) == {}
    except ModelFileError:
        return


@pytest.mark.hostile
def test_truncated_anywhere(tmp_path: Path) -> None:
    content = pickle.dumps({"W": np.arange(6.0).reshape(2, 3)}, 4)
    for end in range(len(content)):
        with pytest.raises(ModelFileError):
            unpickle(content[:end])


def test_missing_and_oversized_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelFileError, match=r"nowhere\.pkl: cannot be read \(No such file"):
        bookpickle.load(tmp_path / "nowhere.pkl")
    with pytest.raises(ModelFileError, match="cannot be read"):
        bookpickle.load(tmp_path)
    monkeypatch.setattr("zerokara.models.weights.LARGEST_FILE", 10)
    (tmp_path / "large.pkl").write_bytes(pickle.dumps(ARRAYS))
    with pytest.raises(ModelFileError, match="is larger than 10 bytes"):
        bookpickle.load(tmp_path / "large.pkl")
