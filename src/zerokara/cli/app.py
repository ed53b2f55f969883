"""The command ``zerokara``: its subcommands, and how everything that goes wrong is said."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from zerokara._version import __version__
from zerokara.cli.book import book
from zerokara.cli.check import check
from zerokara.cli.draw import draw
from zerokara.cli.export import export
from zerokara.cli.figures import figures
from zerokara.cli.info import info
from zerokara.cli.predict import predict
from zerokara.cli.search import search
from zerokara.cli.train import train
from zerokara.errors import ZerokaraError

BAD_INPUT = 2
INTERRUPTED = 130  # 128 + SIGINT, as shells count
BROKEN_PIPE = 141  # 128 + SIGPIPE

# Behind a script's name, all options are the script's.
AFTER_IT_ALL_ITS_OWN = {"ignore_unknown_options": True, "allow_interspersed_args": False}

app = typer.Typer(
    name="zerokara",
    help="Neural networks from zero: train one, ask it, see what this machine has.",
    epilog="Begin with: zerokara train    Learn more with: zerokara train --help",
    rich_markup_mode=None,  # no boxes: help reads the same on a screen, in a pipe and in a manual
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(train)
app.command()(search)
app.command()(predict)
app.command()(check)
app.command()(draw)
app.command()(figures)
app.command()(export)
app.command(context_settings=AFTER_IT_ALL_ITS_OWN)(book)
app.command()(info)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"zerokara {__version__}")
        raise typer.Exit()


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Say the version."),
    ] = False,
) -> None:
    """Take the options that stand before a subcommand."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    0: done. 1: a defect was found. 2: bad input, said in one line on stderr. 130: interrupted by
    Ctrl-C. 141: the reader of the output went away.

    Args:
        arguments: the words after ``zerokara``; those of this process when None.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        code = _run(words or ["--help"])
        _flush()
    except BrokenPipeError:
        # What is still buffered goes nowhere: Python would try again, and complain, at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    return code


def _run(words: list[str]) -> int:
    try:
        result: Any = typer.main.get_command(app).main(
            words, prog_name="zerokara", standalone_mode=False
        )
    except ZerokaraError as error:
        return _refuse(str(error))
    except (KeyboardInterrupt, typer.Abort):
        return _say("interrupted", INTERRUPTED)
    except MemoryError as error:
        return _refuse(f"not enough memory ({error})" if str(error) else "not enough memory")
    except BrokenPipeError:
        raise
    except OSError as error:
        where = f"{os.fsdecode(error.filename)}: " if error.filename else ""
        return _refuse(f"{where}{error.strerror or error}")
    except SystemExit as end:
        if isinstance(end.__context__, BrokenPipeError):  # typer's own answer to a broken pipe
            raise BrokenPipeError from None
        return end.code if isinstance(end.code, int) else 0
    except Exception as error:
        # Wrong usage. Its class is click's, which typer brings along under changing names.
        message = getattr(error, "format_message", None)
        if message is None:
            raise
        command = getattr(getattr(error, "ctx", None), "command_path", "zerokara")
        return _refuse(f"{message().rstrip('.')}; see {command} --help")
    return result if isinstance(result, int) else 0


def _refuse(message: str) -> int:
    return _say(message, BAD_INPUT)


def _say(message: str, code: int) -> int:
    _flush()
    with contextlib.suppress(OSError):  # a log on a full disk; the code says it too
        print("zerokara:", " ".join(message.splitlines()), file=sys.stderr)
    return code


def _flush() -> None:
    if sys.stdout is not None:  # closed from the beginning, as by >&- in a shell
        sys.stdout.flush()
