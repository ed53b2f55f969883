"""What a script shows: in windows, or, with no display, as files whose paths are told."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from zerokara.book.finder import AfterImport
from zerokara.errors import DataError
from zerokara.files import replace_file

PYPLOT, IMAGE_SHOW = "matplotlib.pyplot", "PIL.ImageShow"


def has_display() -> bool:
    """Whether a window can be opened here."""
    if sys.platform in ("darwin", "win32"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


class Pictures:
    """Files STEM-1.png, STEM-2.png, ... in a folder, for what one script shows.

    Args:
        folder: where they go.
        stem: how they are called.
        always: save also where a window could be opened.
    """

    def __init__(self, folder: Path, stem: str, always: bool = False) -> None:
        self.folder, self.stem = folder, stem
        self.saves = always or not has_display()
        self.paths: list[Path] = []
        self._undo: list[Any] = []

    @property
    def after_imports(self) -> Mapping[str, AfterImport]:
        """What the finder does after these imports."""
        return {PYPLOT: self._take_pyplot, IMAGE_SHOW: self._take_pillow}

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Until the end of the block, what is shown is saved, where it has to be."""
        chosen = os.environ.get("MPLBACKEND")
        if self.saves:
            os.environ["MPLBACKEND"] = "Agg"
        for name, take in self.after_imports.items():
            if name in sys.modules:
                take(sys.modules[name])
        try:
            yield
        finally:
            for undo in reversed(self._undo):
                undo()
            if self.saves and chosen is None:
                del os.environ["MPLBACKEND"]
            elif chosen is not None:
                os.environ["MPLBACKEND"] = chosen

    def save(self, picture: Any) -> None:
        """Write what has a ``save(file, format=...)``, and tell the path.

        Raises:
            DataError: the file cannot be written.
        """
        content = io.BytesIO()
        picture(content, format="png")
        path = self.folder / f"{self.stem}-{len(self.paths) + 1}.png"
        try:
            replace_file(path, content.getvalue())
        except OSError as error:
            raise DataError(f"{path}: cannot be written ({error.strerror or error})") from None
        self.paths.append(path)
        print(f"zerokara book: saved {path}", file=sys.stderr)

    def _take_pyplot(self, pyplot: Any) -> None:
        """Let ``plt.show()`` save, one file a figure, where it could open no window."""
        shows = pyplot.show
        backend = pyplot.get_backend() if self.saves else None
        if backend is not None and backend.lower() != "agg":
            pyplot.switch_backend("Agg")

        def show(*args: Any, **kwargs: Any) -> Any:
            if pyplot.get_backend().lower() != "agg":
                return shows(*args, **kwargs)
            for number in pyplot.get_fignums():
                self.save(pyplot.figure(number).savefig)
            pyplot.close("all")  # as all windows are when show() returns
            return None

        pyplot.show = show
        self._undo.append(lambda: setattr(pyplot, "show", shows))

    def _take_pillow(self, image_show: Any) -> None:
        """Let ``image.show()`` save, where it could open no window."""
        if not self.saves:
            return
        pictures = self

        class Saved(image_show.Viewer):  # type: ignore[misc]
            at_work = True

            def show(self, image: Any, **options: Any) -> int:
                if self.at_work:
                    pictures.save(image.save)
                return int(self.at_work)

        viewer = Saved()
        image_show.register(viewer, 0)
        self._undo.append(lambda: setattr(viewer, "at_work", False))
