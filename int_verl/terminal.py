"""Text that is not ours on a terminal: shown, never obeyed.

Problems, models, servers and libraries write what they like: escape sequences that set the window's title or clear the
screen, marks that reverse the order of letters, characters that take no place. `visible` shows each of them as a symbol
or by its number, and after `guard_output` nothing that this process prints gets past it.
"""

from __future__ import annotations

import os
import re
import sys
import unicodedata
from collections.abc import Callable
from typing import Any, TextIO

from int_verl.redaction import redacted

_FILLERS = (0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFFA0)
_SELECTORS = (*range(0x180B, 0x1810), *range(0xFE00, 0xFE0E), *range(0xE0100, 0xE01F0))
_UNSEEN = frozenset(map(chr, _FILLERS + _SELECTORS))
"""What Unicode calls default-ignorable (DerivedCoreProperties.txt) beside the category Cf, but for the two selectors
(FE0E, FE0F) that choose between a sign as text and as a picture."""
_OF_PROGRESS_BARS = re.compile(r"(?:\n|\x1b\[A)*")
"What tqdm writes on its own to get from one bar to another."


class _Shown(dict[int, str]):
    """Code point -> how it is shown, as `str.translate` asks for it."""

    def __init__(self, kept: str) -> None:
        super().__init__({ord(char): char for char in kept})

    def __missing__(self, code: int) -> str:
        char = chr(code)
        if code < 0x20 or code == 0x7F:
            shown = chr(0x2421 if code == 0x7F else 0x2400 + code)
        elif unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp") or char in _UNSEEN:
            shown = char.encode("unicode_escape").decode()
        else:
            shown = char
        self[code] = shown
        return shown


_TEXT, _LINE = _Shown("\n\t"), _Shown("")


def visible(text: str) -> str:
    """The text with every character that a terminal would obey or hide made visible; lines and tabs stay.

    Example: ``visible("\\x1b[2J a\\u202e\\n") == "␛[2J a\\\\u202e\\n"``
    """
    return text if text.isascii() and text.isprintable() else text.translate(_TEXT)


def visible_line(text: str) -> str:
    """As `visible`, for what has to stay one line: breaks and tabs are shown, too."""
    return text.translate(_LINE)


class VisibleStream:
    """A text stream that makes visible what is written to it, and writes whatever its encoding lacks as an escape."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        reconfigure: Callable[..., None] | None = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")

    def __getattr__(self, name: str) -> Any:
        if name in ("buffer", "detach"):  # a way past: click takes it where the encoding is ASCII
            raise AttributeError(name)
        return getattr(self.stream, name)

    def write(self, text: str) -> int:
        self.stream.write(_passable(text))
        return len(text)

    def writelines(self, lines: list[str]) -> None:
        for line in lines:
            self.write(line)


def _passable(text: str) -> str:
    """`visible`, but for the movements of a progress bar: back to the line's begin before it writes, and up."""
    if _OF_PROGRESS_BARS.fullmatch(text):
        return text
    return "\r" + visible(text[1:]) if text.startswith("\r") else visible(text)


def guard_output() -> None:
    """Make everything visible that this process prints from here on, whoever prints it, without what it hides.

    A second call does nothing.
    """
    os.environ.setdefault("RAY_COLOR_PREFIX", "0")  # Ray would colour what it prints of its workers
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is not None and not isinstance(stream, VisibleStream):
            setattr(sys, name, VisibleStream(redacted(stream)))


def unguarded(stream: TextIO) -> TextIO:
    """What lies behind a guarded stream, for the console, which writes escape sequences of its own."""
    return stream.stream if isinstance(stream, VisibleStream) else stream
