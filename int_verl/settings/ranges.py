"""What a value in the settings may be; checked where a section is read (`int_verl.settings.compose.section`)."""

from __future__ import annotations

import math
import re
from datetime import date
from typing import Annotated
from urllib.parse import urlsplit

from annotated_types import Ge, Gt, Le, Lt, MinLen
from pydantic import AfterValidator

_LONGEST_NAME = 200  # bytes; a file's name may have 255, and a shard's number stands behind it
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def _one_line(text: str) -> str:
    if _CONTROL.search(text):
        raise ValueError("a name or a path has no line breaks and no other control characters")
    return text


def _folder_name(name: str) -> str:
    if "/" in name or "\\" in name or name.startswith((".", "-", "~")) or len(name.encode()) > _LONGEST_NAME:
        raise ValueError(
            f"the name of a folder: no slashes, no . - or ~ in front, at most {_LONGEST_NAME} bytes; "
            "for a place elsewhere set run.dir"
        )
    return name


def is_server(url: str) -> bool:
    """Whether it is the address of a server, over HTTP."""
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and not parts.fragment
    except ValueError:
        return False
    return sound and re.search(r"[\s\\]", url) is None


def _server(url: str) -> str:
    if not is_server(url):
        raise ValueError("no address such as http://node1:8000/v1; percent-encode what is special in a password")
    return url


def _day(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise ValueError("no day such as 2026-05-01") from None


Count = Annotated[int, Ge(0)]
Day = Annotated[str, AfterValidator(_day)]
"2026-05-01"
PositiveInt = Annotated[int, Gt(0)]
Share = Annotated[float, Ge(0), Le(1)]
PositiveShare = Annotated[float, Gt(0), Le(1)]
PositiveFloat = Annotated[float, Gt(0), Lt(math.inf)]
GroupSize = Annotated[int, Ge(2)]
"Of GRPO: alone, a rollout has no advantage."
Name = Annotated[str, MinLen(1), AfterValidator(_one_line)]
"Of a file, a model, a variable: on one line."
FolderName = Annotated[Name, AfterValidator(_folder_name)]
Server = Annotated[Name, AfterValidator(_server)]
"A URL over HTTP; user and password may stand in it."
TopK = Annotated[int, Ge(-1)]
"-1: all tokens."
NotNegative = Annotated[float, Ge(0), Lt(math.inf)]
