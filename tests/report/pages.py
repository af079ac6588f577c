"""A report read back."""

from __future__ import annotations

import gzip
import json
from base64 import b64decode
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from int_verl.report import write_report

VOID = {"meta", "link", "br", "img", "input", "hr"}


class Page(HTMLParser):
    """Tags, attributes and text of a page; fails on tags that do not close in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.packed: dict[str, str] = {}
        "Content of the data elements by their ids."
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        tag, attributes = self.tags[-1] if self.tags else ("", {})
        if self.open[-1:] == ["script"] and tag == "script" and "type" in attributes:
            self.packed[str(attributes["id"])] = data
        else:
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


def unpacked(packed: str) -> Any:
    """What a data element holds."""
    return json.loads(gzip.decompress(b64decode(packed)))


def rows_of(page: Page) -> list[dict[str, Any]]:
    """The rows of the viewer with their index entries, as the page's script sees them."""
    index = unpacked(page.packed["rows-index"])
    rows = [row for i in range(len(page.packed) - 1) for row in unpacked(page.packed[f"rows-{i}"])["rows"]]
    assert len(rows) == len(index)
    return [{**row, "entry": entry} for row, entry in zip(rows, index, strict=True)]


def read(run: Path) -> Page:
    return Page(write_report(run).read_text(encoding="utf-8"))
