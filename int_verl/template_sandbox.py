"""Where a template that somebody else wrote is rendered: it reads its variables, and does and costs nothing else.

Jinja's sandbox keeps a template from Python's internals and from changing what it is given. It does not bound the work:
nested loops, calls that call themselves and powers of powers are counted and stopped here.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from jinja2 import BaseLoader, StrictUndefined, Template, nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment, SecurityError

TURNS = 200_000
"Passes through loops and calls that one rendering may take; a prompt takes about one a step."
LARGEST = 10_000_000
"Characters of a repeated text, bits of a power."


class _CountingGenerator(CodeGenerator):
    """Every loop of a template becomes one over the same items, counted."""

    def visit_Template(self, node: nodes.Template, frame: Frame | None = None) -> None:
        for loop in node.find_all(nodes.For):
            loop.iter = nodes.Filter(loop.iter, "counted", [], [], None, None, lineno=loop.lineno)
        super().visit_Template(node, frame)


class _Turns(threading.local):
    """How many the rendering of this thread has taken."""

    taken = 0


class TemplateSandbox(ImmutableSandboxedEnvironment):
    """The environment of the templates that a loader finds; `options` are more of Jinja's, such as ``trim_blocks``."""

    code_generator_class = _CountingGenerator
    intercepted_binops = frozenset(("*", "**"))

    def __init__(self, loader: BaseLoader, **options: Any) -> None:
        super().__init__(loader=loader, undefined=StrictUndefined, autoescape=False, **options)
        self.filters["counted"] = self._counted
        self._turns = _Turns()

    def rendered(self, template: Template, variables: Mapping[str, object]) -> str:
        """The template with its variables.

        Raises:
            Exception: any that a program may raise; `SecurityError` where it does what is not for templates.
        """
        self._turns.taken = 0
        return template.render(variables)

    def _counted(self, items: Iterable[Any]) -> Iterator[Any]:
        for item in items:
            self._count()
            yield item

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:
        __self._count()
        return super().call(__context, __obj, *args, **kwargs)

    def _count(self) -> None:
        self._turns.taken += 1
        if self._turns.taken > TURNS:
            raise SecurityError(f"more than {TURNS:,} loop passes and calls")

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        if _too_large(operator, left, right):
            raise SecurityError(f"the result of {operator} is too large")
        return super().call_binop(context, operator, left, right)


def _too_large(operator: str, left: Any, right: Any) -> bool:
    if operator == "**":
        return isinstance(left, int) and isinstance(right, int) and right * left.bit_length() > LARGEST
    many, times = (left, right) if hasattr(left, "__len__") else (right, left)
    return hasattr(many, "__len__") and isinstance(times, int) and len(many) * times > LARGEST
