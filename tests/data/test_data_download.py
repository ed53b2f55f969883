"""Downloading, against servers on the loopback."""

from __future__ import annotations

import hashlib
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from zerokara.data import download
from zerokara.data.imagefolder import FILES
from zerokara.errors import DataError, MissingExtraError

pytest.importorskip("pooch", reason="the download goes through pooch")

CONTENT = {name: name.encode() * 100 for name in FILES}
CHECKSUMS = {name: hashlib.sha256(content).hexdigest() for name, content in CONTENT.items()}


class Mirrors(ThreadingHTTPServer):
    """``/good/``, ``/wrong/`` (other bytes) and ``/gone/`` (404), and a list of who was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[str] = []

    def url(self, folder: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{folder}/"


class Handler(BaseHTTPRequestHandler):
    server: Mirrors

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        _, folder, name = self.path.split("/")
        content = CONTENT[name] if folder == "good" else b"a page that says hello"
        self.send_response(404 if folder == "gone" else 200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Tests keep quiet."""


@pytest.fixture
def mirrors(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirrors]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with Mirrors() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_all_files_arrive_and_nothing_else(mirrors: Mirrors, tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "cache"
    download.fetch(folder, "A set", CHECKSUMS, [mirrors.url("good")])
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == CONTENT


def test_mirrors_are_asked_in_order_and_a_bad_one_last_from_then_on(
    mirrors: Mirrors, tmp_path: Path
) -> None:
    urls = [mirrors.url("gone"), mirrors.url("wrong"), mirrors.url("good")]
    download.fetch(tmp_path, "A set", CHECKSUMS, urls)
    assert mirrors.asked == [
        f"/gone/{FILES[0]}",
        f"/wrong/{FILES[0]}",
        *(f"/good/{name}" for name in FILES),
    ]
    assert {path.name for path in tmp_path.iterdir()} == set(FILES)


def test_what_is_there_is_not_fetched_again(mirrors: Mirrors, tmp_path: Path) -> None:
    (tmp_path / "train-labels.idx1-ubyte").write_bytes(b"under another spelling")
    download.fetch(tmp_path, "A set", CHECKSUMS, [mirrors.url("good")])
    assert mirrors.asked == [f"/good/{name}" for name in FILES if "train-labels" not in name]


def test_a_wrong_checksum_is_refused_and_not_kept(mirrors: Mirrors, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"127\.0\.0\.1:\d+: wrong checksum") as caught:
        download.fetch(tmp_path, "A set", CHECKSUMS, [mirrors.url("wrong")])
    assert list(tmp_path.iterdir()) == []
    assert caught.value.__context__ is None  # one error, without those of pooch behind it


def test_all_mirrors_failing_is_one_error_with_every_reason(
    mirrors: Mirrors, tmp_path: Path
) -> None:
    dead = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    dead.server_close()  # its port is free again: nobody answers there
    urls = [f"http://127.0.0.1:{dead.server_port}/good/", mirrors.url("gone")]
    with pytest.raises(DataError) as caught:
        download.fetch(tmp_path, "A set", CHECKSUMS, urls)
    message = str(caught.value)
    assert "ConnectionError" in message
    assert "HTTP 404" in message
    assert all(name in message for name in FILES)
    assert str(tmp_path) in message
    assert mirrors.asked == [f"/gone/{FILES[0]}"]  # the other three files were not tried


def test_a_cache_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DataError, match=r"cannot make the cache folder .*ZEROKARA_DATA"):
        download.fetch(tmp_path / "file" / "cache", "A set", CHECKSUMS, ["http://127.0.0.1:9/"])


def test_without_pooch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(MissingExtraError, match="pip install pooch"):
        download.cache_folder()
