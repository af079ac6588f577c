"""Strings are text on the console, whoever wrote them; only what carries a style has one."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from rich.panel import Panel
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from int_verl.console import SafeConsole, marked
from int_verl.progress import StageProgress
from tests.pseudo_terminal import HOSTILE, SHOWN, obeyed


def _table() -> Table:
    table = Table(HOSTILE, title=HOSTILE, caption=HOSTILE)
    table.add_row(HOSTILE)
    table.add_row(Text(HOSTILE))
    return table


@pytest.mark.parametrize(
    "make",
    [
        lambda: HOSTILE,
        lambda: Text(HOSTILE, "bold"),
        lambda: marked(HOSTILE, HOSTILE),
        lambda: Rule(HOSTILE),
        lambda: Panel(HOSTILE, title=HOSTILE),
        _table,
    ],
    ids=["str", "Text", "marked", "Rule", "Panel", "Table"],
)
def test_whatever_is_printed(make: Callable[[], object]) -> None:
    written = io.StringIO()
    console = SafeConsole(file=written, width=200, force_terminal=True, color_system="truecolor")
    console.print(make())
    console.print(make(), style="bold", soft_wrap=True)
    assert not obeyed(written.getvalue().encode())
    assert "\x1b[31m" not in written.getvalue()
    assert "[red][bold]:smile:[/]" in written.getvalue()


def test_a_live_line() -> None:
    written = io.StringIO()
    console = SafeConsole(file=written, width=300, force_terminal=True)
    with StageProgress(console, HOSTILE, total=2) as progress:
        progress.advance(2, HOSTILE)
        console.print(HOSTILE)
    assert not obeyed(written.getvalue().replace("\r", "").encode())
    assert written.getvalue().count(SHOWN) >= 3


def test_styles_are_ours() -> None:
    written = io.StringIO()
    console = SafeConsole(file=written, width=80, force_terminal=True, color_system="standard")
    console.print(marked("✓", " done"))
    console.print(marked("▸ sample", ": [bold]x[/]"))
    assert written.getvalue() == "\x1b[32m✓\x1b[0m done\n\x1b[1m▸ sample\x1b[0m: [bold]x[/]\n"
