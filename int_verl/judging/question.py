"""The question to a judge: a Jinja template with the response behind a fence that it cannot have foreseen."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, Template, TemplateError, meta

from int_verl.errors import UserError, first_line
from int_verl.template_sandbox import TemplateSandbox

TEMPLATES = Path(__file__).parent / "templates"
VARIABLES = ("problem", "reference", "reference_solution", "rubric", "response", "extra", "id")
_NEEDED = ("response", "id")
_ID_DIGITS = 16
# What chat templates and tokenizers make special tokens of: <|im_end|>, </s>, <think>, [INST], <｜User｜>, [|user|].
_MARKUP = re.compile(r"<(?=[|｜/!<\w])|\[(?=\||/?\w*[A-Z]{3})")
_ESCAPES = {"<": "&lt;", "[": "&#91;"}
_UNPRINTABLE = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff\U000e0000-\U000e007f]"
)


def harmless(text: str) -> str:
    """A response without what a server may take for special tokens, and without what cannot be seen.

    >>> harmless("a < b, <|im_end|> [INST] x[1]")
    'a < b, &lt;|im_end|> &#91;INST] x[1]'
    """
    return _MARKUP.sub(lambda mark: _ESCAPES[mark[0]], _UNPRINTABLE.sub("\ufffd", text.replace("\r\n", "\n")))


def fence_id(*texts: str) -> str:
    """A mark that stands in none of the texts and that none can foresee: it is made from all of them.

    The same texts give the same mark, so that the same question is asked, and answered from the cache.
    """
    digest = hashlib.sha256("\0".join(texts).encode("utf-8", "replace")).hexdigest()
    while any(digest[:_ID_DIGITS] in text for text in texts):
        digest = hashlib.sha256(digest.encode()).hexdigest()
    return digest[:_ID_DIGITS]


def as_text(value: Any) -> str:
    """A field of a row: several, as a rubric may be, as a numbered list.

    >>> as_text(["Names n.", "Uses induction."])
    '1. Names n.\\n2. Uses induction.'
    """
    if hasattr(value, "tolist"):  # parquet's lists come as numpy's arrays
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return "\n".join(f"{number}. {part}" for number, part in enumerate(value, 1))
    return "" if value is None else str(value)


class Question:
    """A template by its name, ``reference`` or ``rubric``, or a path that ends in ``.jinja``.

    It is rendered in a sandbox. A template of one's own may extend a built-in one
    (``{% extends "base.jinja" %}``) and has the variables `VARIABLES`; ``extra`` is the row's ``extra_info``.

    Raises:
        UserError: there is no such template, it is broken, uses another variable, or lacks response or id.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        path = Path(name).expanduser() if name.endswith(".jinja") else TEMPLATES / f"{name}.jinja"
        if not path.is_file():
            raise UserError(f"template={name}: no such file; give a path to a .jinja file, or reference or rubric")
        loader = ChoiceLoader([FileSystemLoader(path.parent), FileSystemLoader(TEMPLATES)])
        self._environment = TemplateSandbox(loader, trim_blocks=True, lstrip_blocks=True)
        try:
            used = _variables(self._environment, path.name)
            self._template = self._environment.get_template(path.name)
        except TemplateError as error:
            raise UserError(f"template={name}: {error}") from None
        except UnicodeDecodeError as error:
            raise UserError(f"template={name} is not UTF-8: {error.reason} at byte {error.start}") from None
        if unknown := used - set(VARIABLES):
            raise UserError(f"template={name}: unknown variable {min(unknown)}; it may use {', '.join(VARIABLES)}")
        if missing := set(_NEEDED) - used:
            raise UserError(f"template={name}: never says {{{{ {min(missing)} }}}}")

    def render(self, response: str, reference: str, rubric: str, extra: Mapping[str, Any]) -> tuple[str, str]:
        """The message to the judge, and the id under which the verdict has to stand.

        Raises:
            UserError: the template uses something that this row has not.
        """
        problem, solution = (as_text(extra.get(name)) for name in ("problem", "reference_solution"))
        shown = harmless(response)
        mark = fence_id(self.name, problem, solution, reference, rubric, shown)
        given = {"reference": reference, "reference_solution": solution, "response": shown, "extra": dict(extra)}
        if "problem" in extra:
            given["problem"] = problem
        if rubric:
            given["rubric"] = rubric
        return self._render(self._template, {**given, "id": mark}).strip(), mark

    def fill(self, value: Any, mark: str) -> Any:
        """A JSON value with the id put into its strings, which are templates too.

        Raises:
            UserError: one of them is broken.
        """
        if isinstance(value, str):
            return self._fill(value, mark) if "{{" in value else value
        if isinstance(value, Mapping):
            return {str(key): self.fill(inner, mark) for key, inner in value.items()}
        return [self.fill(inner, mark) for inner in value] if isinstance(value, list) else value

    def _fill(self, text: str, mark: str) -> str:
        try:
            template = self._environment.from_string(text)
        except TemplateError as error:
            raise UserError(f"extra_body: {error}") from None
        return self._render(template, {"id": mark})

    def _render(self, template: Template, variables: dict[str, Any]) -> str:
        try:
            return self._environment.rendered(template, variables)
        except Exception as error:  # whatever a template of somebody else's does wrong
            raise UserError(f"template={self.name}: {first_line(error)}") from None


def _variables(environment: Environment, entry: str) -> set[str]:
    """Variables of a template and of those that it extends or includes."""
    assert environment.loader is not None
    used: set[str] = set()
    waiting, seen = [entry], set()
    while waiting:
        if (name := waiting.pop()) in seen:
            continue
        seen.add(name)
        tree = environment.parse(environment.loader.get_source(environment, name)[0], name=name)
        used |= meta.find_undeclared_variables(tree) - {"self", "caller"}
        waiting += [other for other in meta.find_referenced_templates(tree) if other]
    return used
