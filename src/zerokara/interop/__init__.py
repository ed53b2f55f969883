"""Files of other formats: one module a format, its library imported when it is used."""

from __future__ import annotations
