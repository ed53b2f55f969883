"""The command line: one file a command, each thin: it parses, calls and prints."""

from __future__ import annotations

from zerokara.cli.app import main

__all__ = ["main"]
