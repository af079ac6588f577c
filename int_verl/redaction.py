"""Texts that nobody is shown: hidden here once, another stands in their place wherever something is printed or quoted.

A process hides what it learns to be secret, a key of its environment or a password in a URL, and everything that
prints, logs or quotes asks `redact`. It is the last of several nets: settings are written without secrets in the first
place.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from typing import Any, TextIO, cast
from urllib.parse import quote, unquote

NOT_SHOWN = "***"
_SHORTEST = 6
"Shorter texts stand in too many others to be replaced wherever they occur."
_URL = re.compile(
    r"(?P<scheme>\b[A-Za-z][A-Za-z0-9+.-]*://)(?:(?P<user>[^\s/?#\"'<>]*)@)?"
    r"(?P<place>[^\s?#\"'<>@]*)(?:\?(?P<query>[^\s#\"'<>]*))?"
)

_hidden: dict[str, str] = {}
"Text -> what stands in its place."


def hide(text: str, instead: str = NOT_SHOWN) -> None:
    """From now on `redact` puts `instead` in the place of this text, in whatever form a server may echo it."""
    if len(text) < _SHORTEST or text == instead:
        return
    for form in (text, json.dumps(text)[1:-1], quote(text, safe=""), repr(text)[1:-1]):
        _hidden[form] = instead


def hide_credentials(text: str) -> None:
    """Hide user, password and query values of every URL in a text."""
    for url in _URL.finditer(text):
        if user := url["user"]:
            name, _, password = user.partition(":")
            hide(password or name)
            hide(unquote(password or name))
            hide(b64encode(unquote(user).encode()).decode())  # as the header of a request has it
        for part in (url["query"] or "").split("&"):
            hide(part.rpartition("=")[2])


def redact(text: str) -> str:
    """The text with everything in it replaced that is hidden, and URLs in it without user, password and query values.

    >>> redact("GET https://me:secret@host:8000/v1?token=abc&x=1 refused")
    'GET https://***@host:8000/v1?token=***&x=*** refused'
    """
    for hidden in sorted(_hidden, key=len, reverse=True):
        text = text.replace(hidden, _hidden[hidden])
    return without_credentials(text)


def without_credentials(text: str) -> str:
    """The text with URLs in it without user, password and query values."""
    return _URL.sub(_public_url, text)


def has_hidden() -> bool:
    """Whether there is anything to replace."""
    return bool(_hidden)


def _public_url(url: re.Match[str]) -> str:
    user = "" if url["user"] is None else f"{NOT_SHOWN}@"
    query = url["query"]
    shown = "" if query is None else "?" + "&".join(map(_public_parameter, query.split("&")))
    return f"{url['scheme']}{user}{url['place']}{shown}"


def _public_parameter(parameter: str) -> str:
    name, equals, _ = parameter.partition("=")
    return f"{name}={NOT_SHOWN}" if equals else NOT_SHOWN


class RedactedStream:
    """A text stream that writes to another what may be shown of it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        self._stream.write(redact(text))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def redacted(stream: TextIO) -> TextIO:
    """A stream behind which nothing hidden comes."""
    return stream if isinstance(stream, RedactedStream) else cast(TextIO, RedactedStream(stream))
