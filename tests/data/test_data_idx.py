"""IDX files: round trips, what the bytes mean, and files that lie."""

from __future__ import annotations

import gzip
import os
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from zerokara.data import read_idx, write_idx
from zerokara.data.idx import MAX_BYTES
from zerokara.errors import DataError, DtypeError

Array = npt.NDArray[Any]

DTYPES = ["u1", "i1", "i2", "i4", "f4", "f8"]


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("idx")


def idx_bytes(code: int, shape: tuple[int, ...], values: bytes) -> bytes:
    return struct.pack(f">BBBB{len(shape)}I", 0, 0, code, len(shape), *shape) + values


def test_the_bytes_mean_what_the_format_says(tmp_path: Path) -> None:
    path = tmp_path / "numbers"
    path.write_bytes(bytes.fromhex("00000b02 00000002 00000003 0001 fffe 0100 7fff 8000 0000"))
    array = read_idx(path)
    assert array.dtype == np.dtype("=i2")
    assert array.dtype.isnative
    np.testing.assert_array_equal(array, [[1, -2, 256], [32767, -32768, 0]])


def test_the_writer_writes_those_bytes(tmp_path: Path) -> None:
    write_idx(tmp_path / "numbers", np.array([[1.5], [-2.0]], dtype=np.float32))
    written = (tmp_path / "numbers").read_bytes()
    assert written == bytes.fromhex("00000d02 00000002 00000001 3fc00000 c0000000")


@given(
    array=st.sampled_from(DTYPES).flatmap(
        lambda dtype: hnp.arrays(
            st.sampled_from([np.dtype(f"<{dtype}"), np.dtype(f">{dtype}")]),
            hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5),
        )
    ),
    suffix=st.sampled_from(["", ".gz"]),
)
def test_round_trip(scratch: Path, array: Array, suffix: str) -> None:
    path = scratch / f"round{suffix}"
    write_idx(path, array)
    back = read_idx(path)
    assert back.dtype == array.dtype.newbyteorder("=")
    assert back.shape == array.shape
    assert back.tobytes() == array.astype(back.dtype).tobytes()  # NaN payloads too
    assert back.flags.writeable


def test_a_fortran_ordered_array_keeps_its_meaning(tmp_path: Path) -> None:
    array = np.asfortranarray(np.arange(12, dtype=np.int32).reshape(3, 4))
    write_idx(tmp_path / "a", array)
    np.testing.assert_array_equal(read_idx(tmp_path / "a"), array)


def test_gzip_is_told_by_content(tmp_path: Path) -> None:
    array = np.arange(6, dtype=np.uint8)
    write_idx(tmp_path / "a.gz", array)
    (tmp_path / "a.gz").rename(tmp_path / "a")
    write_idx(tmp_path / "b", array)
    (tmp_path / "b").rename(tmp_path / "b.gz")
    np.testing.assert_array_equal(read_idx(tmp_path / "a"), array)
    np.testing.assert_array_equal(read_idx(os.fspath(tmp_path / "b.gz")), array)


def test_writing_is_reproducible_and_leaves_nothing_beside(tmp_path: Path) -> None:
    array = np.arange(100, dtype=np.float64)
    write_idx(tmp_path / "a.gz", array)
    first = (tmp_path / "a.gz").read_bytes()
    write_idx(tmp_path / "a.gz", array)
    assert (tmp_path / "a.gz").read_bytes() == first
    assert first[4:8] == b"\0\0\0\0"  # the gzip time stamp
    assert [path.name for path in tmp_path.iterdir()] == ["a.gz"]


@pytest.mark.parametrize("dtype", ["int64", "bool", "uint16", "float16", "complex64", "U3"])
def test_types_without_a_code_are_refused(tmp_path: Path, dtype: str) -> None:
    with pytest.raises(DtypeError, match=dtype.replace("U3", "<U3")):
        write_idx(tmp_path / "a", np.zeros(2, dtype=dtype))
    assert not list(tmp_path.iterdir())


def test_a_failed_write_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a"
    write_idx(path, np.arange(3, dtype=np.uint8))

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DataError, match="No space left"):
        write_idx(path, np.arange(9, dtype=np.uint8))
    np.testing.assert_array_equal(read_idx(path), [0, 1, 2])
    assert [found.name for found in tmp_path.iterdir()] == ["a"]


def test_writing_where_there_is_no_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no/such"):
        write_idx(tmp_path / "no" / "such", np.zeros(1, dtype=np.uint8))


GOOD = idx_bytes(8, (2, 3), bytes(range(6)))
LIES = {
    "empty": (b"", "holds 0 bytes"),
    "three bytes": (b"\0\0\x08", "holds 3 bytes"),
    "wrong zero bytes": (b"\1\0\x08\x01" + bytes(8), "starts with 01 00 08 01"),
    "wrong type code": (b"\0\0\x0a\x01" + bytes(8), "starts with 00 00 0a 01"),
    "PNG": (b"\x89PNG\r\n\x1a\n", "not an IDX file"),
    "HTML": (b"<!DOCTYPE html>", "not an IDX file"),
    "cut header": (GOOD[:9], "truncated inside the header of 2 dimensions"),
    "one value short": (GOOD[:-1], "truncated"),
    "no values": (GOOD[:12], "promises 6 bytes"),
    "one value more": (GOOD + b"\0", "goes on after the 6 bytes"),
    "65 dimensions": (idx_bytes(8, (1,) * 65, b"\0"), "65 dimensions"),
    "huge": (idx_bytes(8, (2**32 - 1, 2**32 - 1), b"\0" * 8), "more than the"),
    "just above the cap": (idx_bytes(8, (MAX_BYTES // 8 + 1, 8), b""), "more than"),
    "huge behind a zero": (idx_bytes(8, (0, *(2**32 - 1,) * 3), b""), "more than the"),
    "large, not there": (idx_bytes(14, (2**29,), b"\0" * 100), "a file of this size cannot hold"),
}


@pytest.mark.hostile
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("lie", LIES)
def test_a_file_that_lies_is_refused_and_costs_nothing(
    tmp_path: Path, lie: str, packed: bool
) -> None:
    content, message = LIES[lie]
    path = tmp_path / "liar-idx"
    path.write_bytes(gzip.compress(content) if packed else content)
    error, peak = peak_of(lambda: read_idx(path))
    assert isinstance(error, DataError)
    assert str(path) in str(error)
    assert message in str(error)
    assert peak < 2**22


@pytest.mark.hostile
def test_a_gzip_bomb_is_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(idx_bytes(8, (16,), bytes(2**26)), compresslevel=1))
    error, peak = peak_of(lambda: read_idx(path))
    assert isinstance(error, DataError)
    assert "goes on after the 16 bytes" in str(error)
    assert peak < 2**22


@pytest.mark.hostile
@pytest.mark.parametrize("at", ["cut", "crc", "size", "tail", "middle"])
def test_damaged_gzip(tmp_path: Path, at: str) -> None:
    rng = np.random.default_rng(3)
    write_idx(tmp_path / "a.gz", rng.integers(0, 256, 5000, dtype=np.uint8))
    content = bytearray((tmp_path / "a.gz").read_bytes())
    if at == "cut":
        del content[-300:]
    elif at == "tail":
        content += b"more"
    else:
        content[{"crc": -8, "size": -1, "middle": len(content) // 2}[at]] ^= 0x55
    (tmp_path / "a.gz").write_bytes(content)
    with pytest.raises(DataError, match="gzip data is truncated or damaged"):
        read_idx(tmp_path / "a.gz")


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No such file"):
        read_idx(tmp_path / "nothing")
    with pytest.raises(DataError, match="cannot be read"):
        read_idx(tmp_path)


@pytest.mark.hostile
@given(
    content=st.one_of(
        st.binary(max_size=64),
        st.builds(
            idx_bytes,
            st.sampled_from([8, 9, 11, 12, 13, 14]),
            st.lists(st.one_of(st.integers(0, 4), st.integers(0, 2**32 - 1)), max_size=4).map(
                tuple
            ),
            st.binary(max_size=64),
        ),
    ),
    packed=st.booleans(),
)
def test_any_bytes_are_an_array_or_a_data_error(
    scratch: Path, content: bytes, packed: bool
) -> None:
    path = scratch / "any"
    path.write_bytes(gzip.compress(content) if packed else content)
    try:
        array = read_idx(path)
    except DataError:
        return
    assert content.endswith(array.astype(array.dtype.newbyteorder(">")).tobytes())
    assert len(content) == 4 + 4 * array.ndim + array.nbytes


@pytest.mark.hostile
@given(data=st.data())
def test_a_flipped_bit_or_a_cut_is_noticed_or_harmless(scratch: Path, data: st.DataObject) -> None:
    """In gzip the CRC sees a flip of the values; only the gzip's own header may be silent."""
    array = np.arange(60, dtype=np.int16).reshape(3, 20)
    path = scratch / "flipped.gz"
    write_idx(path, array)
    content = bytearray(path.read_bytes())
    if data.draw(st.booleans(), label="cut"):
        del content[data.draw(st.integers(0, len(content) - 1), label="at") :]
    else:
        bit = data.draw(st.integers(0, 8 * len(content) - 1), label="bit")
        content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)
    try:
        back = read_idx(path)
    except DataError:
        return
    np.testing.assert_array_equal(back, array)


def peak_of(call: Callable[[], object]) -> tuple[Exception | None, int]:
    """The error of ``call``, and the most memory that it held at a time."""
    tracemalloc.start()
    try:
        call()
    except DataError as error:
        return error, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    return None, 0
