# ruff: noqa: E501
"""Parsing: the hand-written corpus, round trips, hostile and random text."""

from __future__ import annotations

import json
import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from int_verl.interventions import Intervention, InterventionParseError, parse_intervention
from int_verl.interventions.intervention import REASONS
from int_verl.interventions.parse import is_example, is_placeholder
from tests.interventions.parse_corpus import CASES, Expected


def read(text: str) -> Expected:
    try:
        intervention = parse_intervention(text)
    except InterventionParseError as error:
        return error.reason
    return intervention.content, intervention.location


def test_the_corpus_is_large_enough_and_knows_every_reason() -> None:
    assert len(CASES) >= 150
    assert {expected for _, expected in CASES if isinstance(expected, str)} == set(REASONS)


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_corpus(text: str, expected: Expected) -> None:
    assert read(text) == expected


# What JSON writes for a control character before certain letters is also how a model writes LaTeX; a backslash and n in
# a text is how a model writes a newline that it escapes twice.
AMBIGUOUS = re.compile(r"[\b\f\r\t\n][A-Za-z]|\\n")


@given(st.text(min_size=1).filter(lambda s: s.strip() and not AMBIGUOUS.search(s)), st.integers(1, 500))
@settings(max_examples=200)
def test_json_comes_back_exactly(content: str, location: int) -> None:
    if is_placeholder(content) or content.strip().lower() in ("none", "null", "nil", "n/a", "na", "nothing"):
        return
    for ensure_ascii in (True, False):
        body = json.dumps({"content": content, "location": location}, ensure_ascii=ensure_ascii)
        if "intervention" not in content:
            assert read(f"<intervention>\n{body}\n</intervention>") == (content, location)


PIECES = [
    "Since ", "we have ", "so that", ". ", ", ", "\n", "\n\n", "Note that ", "as before.\nu = 1", "the word \"good\" ", "it's ",
    "$\\frac{a}{b}$", "$x \\neq y$", "$\\theta$", "$a \\times b$", "$\\beta$", "$\\rho$", "$\\text{if } x$", "$\\nu$",
    "\\(n\\)", "\\[ x \\]", "$\\{1, 2\\}$", "$x^2$", "$\\sqrt{2}$", "$a \\equiv b \\pmod n$", "$\\binom{n}{k}$",
]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=12), st.integers(1, 99))
@settings(max_examples=200)
def test_latex_comes_back_however_its_backslashes_were_written(pieces: list[str], location: int) -> None:
    content = "".join(pieces)
    if is_placeholder(content):
        return
    as_json = json.dumps(content)
    assert read(f'<intervention>{{"content": {as_json}, "location": {location}}}</intervention>') == (content, location)
    raw = content.replace("\n", "\\n").replace('"', '\\"')
    body = f'{{"content": "{raw}", "location": {location}}}'
    assert read(f"<intervention>{body}</intervention>") == (content, location)


FRAGMENTS = st.sampled_from(
    ["<intervention>", "</intervention>", "{", "}", '"content"', '"location"', ":", ",", '"', "'", '"""', "\\", "\\n",
     "\\\\", "\\u12", "\\ud800", "2", "Substep 3", "null", "```", "\n", " ", "[", "]", "//", "#", "<think>", "</think>",
     "$", "\\frac", "x", "“", "<content>", "location:", "content: "]
)  # fmt: skip


@given(st.one_of(st.text(), st.lists(FRAGMENTS, max_size=40).map("".join)))
@settings(max_examples=300)
def test_nothing_but_a_parse_error_is_raised(text: str) -> None:
    for wrapped in (text, f"<intervention>{text}</intervention>", f'<intervention>{{"content": "{text}'):
        result = read(wrapped)
        if isinstance(result, str):
            assert result in REASONS
        else:
            content, location = result
            assert content.strip()
            assert location >= 1
            assert content.encode()


@pytest.mark.parametrize("value", [None, 3, b"<intervention>"])
def test_what_is_no_text_has_no_block(value: object) -> None:
    assert read(value) == "no_block"  # type: ignore[arg-type]


SIZE = 300_000
HOSTILE = [
    "<intervention>", "</intervention>", '"', "'", '"""', '"//', '"#', '","', '", "a": ', "\\", '\\"', "\\n", "{", "[{",
    "}", '"}', '"},', " ", "\n", '"\n', "$", "content: ", "location:", '"location": ', "<content>", "`", "9", "\\\\\"",
]  # fmt: skip


@pytest.mark.parametrize("unit", HOSTILE)
def test_time_is_linear_in_hostile_text(unit: str) -> None:
    for before, after in (
        ("", ""), ('<intervention>{"content": "', ""), ('<intervention>{"content": "', "</intervention>"),
        ("<intervention>{'content': '''", "</intervention>"), ("<intervention>", "</intervention>"),
        ('<intervention>{"content": "a", "location": ', "}</intervention>"),
    ):  # fmt: skip
        text = before + unit * (SIZE // len(unit)) + after
        start = time.process_time()
        read(text)
        assert time.process_time() - start < 10.0  # 0.2 s at worst on an idle core; quadratic time would take minutes


def test_what_the_prompt_shows_is_no_intervention() -> None:
    prompt = 'Write { "content": "Write the better step here, say $\\\\frac12$", "location": i } and nothing else.'
    assert is_example(Intervention("Write the better step here, say $\\frac12$ ", 3), prompt)
    assert not is_example(Intervention("Write the better step here", 3), prompt)
    assert not is_example(Intervention("Count again.", 3), "no example")
