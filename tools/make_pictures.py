"""Train the networks whose curves the documentation shows, and write pictures and tables.

    python tools/make_pictures.py [--data-dir FOLDER] [digits] [mnist] [fashion-mnist] [search]
                                  [figures]

Writes docs/img/<name>.png and, for the two larger sets, the table in docs/real-data.md between
its two marks; `search` writes search-NAME.png of a search on the digits, `figures` what
`zerokara figures all` draws of MNIST, into docs/img/figures. The seeds are fixed, so another run on
the same machine gives the same figures; another BLAS rounds differently, which may move an accuracy
by some tenths of a percent.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import zerokara as zk
from zerokara.cli import main
from zerokara.data.mnist import MNIST, locate
from zerokara.draw.plots import plot_history

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGE = DOCS / "real-data.md"


def train_digits() -> tuple[zk.History, str]:
    """What `make train` does."""
    train, test = zk.data.load_digits(normalize="lazy")
    net = zk.models.TwoLayerNet(64, 50, 10, weight_init_std=float(np.sqrt(2 / 64)))
    optimizer = zk.SGD(lr=0.5)
    history = zk.fit(net, train, test=test, optimizer=optimizer, batch_size=50, epochs=30)
    return history, "Handwritten digits of 8x8 pixels: TwoLayerNet(64, 50, 10), SGD"


def train_by_the_book(name: str, folder: str | None) -> tuple[zk.History, str]:
    """The book's training (4.5.2): TwoLayerNet(784, 50, 10), 10,000 random batches of 100."""
    load: Any = zk.data.load_mnist if name == "mnist" else zk.data.load_fashion_mnist
    train, test = load(normalize="lazy", root=folder)
    net = zk.models.TwoLayerNet(784, 50, 10)
    history = zk.fit(
        net, train, test=test, optimizer=zk.SGD(lr=0.1), steps=10_000, sampling="choice"
    )
    title = {"mnist": "MNIST", "fashion-mnist": "Fashion-MNIST"}[name]
    return history, f"{title}, {len(train[0]):,} images: TwoLayerNet(784, 50, 10), SGD 0.1"


def search_digits() -> None:
    """Two pictures of the report that docs/search.md shows the command of."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "search"
        if main(["search", "--vary", "lr,weight_decay,hidden", "--out", str(out)]):
            raise SystemExit("the search has failed")
        for name in ("curves", "parameters"):
            shutil.copy(out / "pictures" / f"{name}.png", DOCS / "img" / f"search-{name}.png")


def draw_the_figures(folder: str | None) -> None:
    """The pictures of docs/figures.md, which tells of MNIST: the digits would not do."""
    if locate(MNIST, folder) is None:
        raise SystemExit("figures: MNIST is not here; name its folder with --data-dir")
    data = [] if folder is None else ["--data-dir", folder]
    if main(["figures", "all", "--out", str(DOCS / "img" / "figures"), *data]):
        raise SystemExit("the figures have failed")


def table(history: zk.History) -> str:
    """The accuracies of every epoch, ten to a row, as Markdown."""
    rows = ["| epochs | | accuracies in percent |", "|---|---|---|"]
    for first in range(0, history.epochs, 10):
        last = min(first + 10, history.epochs)
        for name, values in (("train", history.train_accuracy), ("test", history.test_accuracy)):
            shown = " ".join(f"{100 * value:.2f}" for value in values[first:last])
            rows.append(f"| {first + 1} to {last} | {name} | {shown} |")
    return "\n".join(rows)


def put_between_marks(page: str, name: str, content: str) -> str:
    """`page` with what stands between the marks of `name` replaced."""
    begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
    before, found, rest = page.partition(begin)
    _, also_found, after = rest.partition(end)
    if not found or not also_found:
        raise SystemExit(f"{PAGE}: lacks {begin} ... {end}")
    return f"{before}{begin}\n{content}\n{end}{after}"


def make() -> None:
    """Train what is asked for and write the files."""
    names = ("digits", "mnist", "fashion-mnist", "search", "figures")
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(names)}; else all")
    parser.add_argument("--data-dir", help="the folder of the data sets (or set ZEROKARA_DATA)")
    options = parser.parse_args()
    for name in options.names or names:
        if name not in names:
            parser.error(f"{name!r} is none of {', '.join(names)}")
    for name in options.names or names:
        if name == "search":
            search_digits()
            continue
        if name == "figures":
            draw_the_figures(options.data_dir)
            continue
        if name == "digits":
            history, title = train_digits()
        else:
            history, title = train_by_the_book(name, options.data_dir)
            page = PAGE.read_text(encoding="utf-8")
            PAGE.write_text(put_between_marks(page, name, table(history)), encoding="utf-8")
        picture = DOCS / "img" / f"{name}.png"
        picture.parent.mkdir(parents=True, exist_ok=True)
        plot_history(history, picture, title)
        print(f"{name}: {history!r} -> {picture}")


if __name__ == "__main__":
    make()
