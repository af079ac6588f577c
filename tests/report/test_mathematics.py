"""LaTeX in rows, and what may come of it."""

from __future__ import annotations

import json

import pytest

from int_verl.report.mathematics import Formulas, math_tree

pytest.importorskip("latex2mathml")


def written(text: str) -> tuple[list[str | int] | str, list[str]]:
    formulas = Formulas()
    return formulas(text), [formula for formula, _, _ in formulas.trees]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Let $x^2$ be, and $y$.", ["$x^2$", "$y$"]),
        (r"So \(a\) and \[b\] and $$c$$.", [r"\(a\)", r"\[b\]", "$$c$$"]),
        (r"Hence \boxed{\frac{1}{2}}.", [r"\boxed{\frac{1}{2}}"]),
        (r"\begin{align*} a &= b \end{align*}", [r"\begin{align*} a &= b \end{align*}"]),
        ("It costs $5 and $6.", []),
        ("$5 or $x$", ["$x$"]),
        (r"escaped \$x\$ and a$b$", []),
        ("no formula", []),
    ],
)
def test_formulas_are_told_from_text(text: str, found: list[str]) -> None:
    pieces, formulas = written(text)
    assert formulas == found
    if found:
        assert "".join(formulas[p] if isinstance(p, int) else p for p in pieces) == text
    else:
        assert pieces == text


def test_a_formula_is_read_once() -> None:
    pieces, formulas = written("$x$ and $x$ and $y$")
    assert pieces == [0, " and ", 0, " and ", 1]
    assert formulas == ["$x$", "$y$"]


@pytest.mark.parametrize(
    "latex",
    [
        r"\frac{",
        "{" * 2_000,
        r"\frac" * 200,
        "a_b_c",
        r"\left( x",
        r"\unknown{x}",
        "x" * 1_001,
        "a\n\nb",
    ],
)
def test_what_cannot_be_read_as_a_whole_stays_as_it_is(latex: str) -> None:
    assert math_tree(latex) is None


@pytest.mark.parametrize(
    "latex",
    [
        r"\href{javascript:alert(1)}{x}",
        r"\style{background:url(http://example.invalid)}{x}",
        r"\class{row}{x}",
        r"\id{rows-index}{x}",
        r"\color{red;background:url(http://example.invalid)}{x}",
        r"\text{<script>alert(1)</script>}",
        r"\unicode{x3c}script\unicode{x3e}",
    ],
)
def test_no_attribute_but_those_of_mathematics(latex: str) -> None:
    tree = math_tree(latex)
    for attributes in _attributes(tree) if tree else ():
        assert not {"href", "style", "class", "id", "mathcolor", "src"} & set(attributes)
        assert not any(c in value for value in attributes.values() for c in ":(;<")


def _attributes(tree: list) -> list[dict[str, str]]:
    return [tree[1] or {}, *(found for child in tree[2:] if isinstance(child, list) for found in _attributes(child))]


def test_aligned_lines_become_rows() -> None:
    tree = json.dumps(math_tree(r"\begin{aligned} a &= b \\ c &= d \end{aligned}"))
    assert tree.count('"mtr"') == 2
    assert "&" not in tree
