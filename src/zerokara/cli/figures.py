"""``zerokara figures``: the book's figures, one word each."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zerokara.errors import DataError

ALL = "all"


def figures(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="WORD", help="Which figures; all for each of them; none to list the words."
        ),
    ] = None,
    out: Annotated[
        Path,
        typer.Option("--out", metavar="DIR", help="Where WORD.png is put; made if missing."),
    ] = Path("figures"),
    data_dir: Annotated[
        str | None, typer.Option("--data-dir", metavar="FOLDER", help="Where MNIST's files are.")
    ] = None,
    format_: Annotated[
        str, typer.Option("--format", metavar="NAME", help="png, svg, pdf, ...")
    ] = "png",
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Of whatever is drawn.")] = 0,
) -> None:
    """Draw the figures of the book from real data, training what has to be trained.

    MNIST is looked for in --data-dir, in the folder that ZEROKARA_DATA names and in the cache;
    nothing is downloaded. Where it is not, the digits that come with zerokara are used, and the
    title says so. Each path is printed when its file is there. Needs matplotlib.

    \b
    Examples:
      zerokara figures
      zerokara figures optimizers batch-norm
      zerokara figures all --out pictures --format svg
    """
    from zerokara.draw.saving import new_figure
    from zerokara.figures.material import Material
    from zerokara.figures.registry import ENTRIES, checked, draw_figure
    from zerokara.figures.saving import check_place

    if not words:
        width = max(map(len, ENTRIES))
        for word, entry in ENTRIES.items():
            typer.echo(f"{word:{width}}  {entry.book:8}  {entry.shows}")
        return
    checked(word for word in words if word != ALL)
    chosen = list(ENTRIES) if ALL in words else list(dict.fromkeys(words))
    paths = {word: out / f"{word}.{format_}" for word in chosen}
    new_figure("figures", 1, 1, paths[chosen[0]])
    needed = data_dir is not None or any(ENTRIES[word].data for word in chosen)
    material = Material.find(data_dir) if needed else None
    _make(out)
    for path in paths.values():
        check_place(path)
    for word, path in paths.items():
        draw_figure(word, path, material=material, seed=seed)
        typer.echo(path)


def _make(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise DataError(f"--out {out}: is a file; name a folder") from None
    except OSError as error:
        raise DataError(f"--out {out}: cannot be made ({error.strerror or error})") from None
