"""Where a command speaks: rich, with text taken as it stands."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from int_verl.redaction import redacted
from int_verl.terminal import unguarded, visible


class SafeConsole(Console):
    """A console that styles only what carries a style.

    Strings are text, whoever wrote them: no markup, no emoji codes, no highlighting, and what a terminal would obey is
    made visible. Our own emphasis is a `style` or a `Text`.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(markup=False, emoji=False, highlight=False, **settings)

    def render_str(self, text: str, **how: Any) -> Text:
        """As rich's; rich itself would drop some control characters."""
        return super().render_str(visible(text), **how)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """As rich's, with the text of every segment made visible; rich's own control sequences are segments apart."""
        for text, style, control in super().render(renderable, options):
            yield Segment(text if control else visible(text), style, control)


def marked(lead: str, rest: str) -> Text:
    """A line whose beginning stands out: bold, or green where it is a tick."""
    return Text.assemble((visible(lead), "green" if lead == "✓" else "bold"), visible(rest))


def standard_output() -> SafeConsole:
    """Where a command speaks, without secrets. A log file has no width of its own; tables need some."""
    stream = redacted(unguarded(sys.stdout))
    if stream.isatty():
        return SafeConsole(file=stream)
    return SafeConsole(file=stream, width=120, soft_wrap=True)
