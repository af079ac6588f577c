"""From a response to its answer."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from int_verl.grading import Grader, extract_answer


@pytest.mark.parametrize(
    ("response", "answer"),
    [
        (r"so \boxed{42}.", "42"),
        (r"so $\boxed{\frac{1}{2}}$", r"\frac{1}{2}"),
        (r"\boxed{ 7 }", "7"),
        (r"\boxed 5", "5"),
        (r"\boxed{1} no, \boxed{2}", "2"),
        (r"\fbox{3}", "3"),
        (r"\boxed{\boxed{5}}", "5"),
        (r"\boxed{x = \boxed{5}}", "x = 5"),
        (r"\boxed{\text{a } \fbox{5}}", r"\text{a } 5"),
        (r"\boxed{1}, \boxed{2}", r"\{1, 2\}"),
        (r"$\boxed{1}$ and $\boxed{2}$", r"\{1, 2\}"),
        (r"\boxed{1} \text{ or } \boxed{2}", r"\{1, 2\}"),
        (r"\boxed{3} and \boxed{3}", "3"),
        (r"\boxed{1}, \boxed{2}. But really \boxed{3}", "3"),
        ("first \\boxed{1}\n\nthen\n\n\\boxed{2}", "2"),
        (r"\boxed{5}. I put it in \boxed{} as you asked", "5"),
        (r"Put it in \boxed{your answer}. It is \boxed{6}", "6"),
        (r"It is \boxed{6} in the form \boxed{answer}", "6"),
        (r"\boxed{}", None),
        (r"\boxed{\text{answer}}", None),
        ("nothing", None),
        ("", None),
        (r"\boxed{7", None),
        (r"\boxed{6} and then \boxed{7", "6"),
        (r"<think>\boxed{1}</think> \boxed{2}", "2"),
        (r"<think>\boxed{1}</think> it is 2", None),
        (r"<think>\boxed{1}", None),
        (r"\boxed{1}</think>\boxed{2}</think>\boxed{3}", "3"),
        (r"\boxed{\{1,2\}}", r"\{1,2\}"),
        (r"\boxed{a \} b}", r"a \} b"),
        (r"\boxedfoo{1}", None),
        (r"the answer is 5", None),
    ],
)
def test_boxes(response: str, answer: str | None) -> None:
    assert extract_answer(response) == answer


@pytest.mark.parametrize(
    ("response", "answer"),
    [
        ("The final answer is 42.", "42"),
        ("The answer is $\\frac{1}{2}$.", r"\frac{1}{2}"),
        ("Answer: 7", "7"),
        ("some steps\n#### 18", "18"),
        ("Answer: 3\nWait.\nAnswer: 4", "4"),
        (r"The answer is 3, \boxed{4}", "4"),
        ("just 5", None),
        ("<think>the answer is 5", None),
        ("Final Answer: The final answer is $1{,}916$. I hope it is correct.", "1{,}916"),
        ("Final Answer: The final answer is 12,003.5. I hope it is correct.<|im_end|>", "12,003.5"),
        (r"So the answer is \((-6, 10)\). Let me know if you have questions!", r"\((-6, 10)\)"),
    ],
)
def test_stated_answers_are_an_option(response: str, answer: str | None) -> None:
    assert extract_answer(response, unboxed=True) == answer


@pytest.fixture(scope="module")
def grader() -> Iterator[Grader]:
    with Grader(workers=1) as shared:
        yield shared


HACKS = [
    ("3", r"\boxed{1} \boxed{2} \boxed{3} \boxed{4}"),
    ("7", " ".join(rf"\boxed{{{k}}}" for k in range(20))),
    ("7", r"\boxed{7 (or 8)}"),
    ("2", r"\boxed{1 or 2 or 3}"),
    ("2", r"\boxed{1, 2, 3}"),
    ("5", r"<think>\boxed{5}</think> I am not sure."),
    ("5", r"I will not box it. 5"),
    ("5", r"\boxed{6} ... 5"),
    ("5", r"\boxed{5}. No: \boxed{6}"),
    ("5", r"\boxed{5 = 6}"),
    ("5", r"\boxed{\text{5 or 6}}"),
    ("5", r"\boxed{x}"),
    ("5", r"\boxed{\text{the gold answer}}"),
    ("5", r"\boxed{5, 6}"),
    ("12", r"\boxed{1}\boxed{2}"),
    ("5", r"\boxed{5 \pm 1}"),
    ("5", r"\boxed{[4, 6]}"),
    ("5", r"\boxed{4 < x < 6}"),
    ("5", r"\boxed{\approx 5 \text{ or } 6}"),
]


@pytest.mark.parametrize(("gold", "response"), HACKS)
def test_many_candidates_earn_nothing(grader: Grader, gold: str, response: str) -> None:
    assert not grader.grade_response(response, gold).correct


def test_a_run_of_boxes_is_a_set(grader: Grader) -> None:
    assert grader.grade_response(r"\boxed{2}, \boxed{1}", "1, 2").correct
    assert grader.grade_response(r"\boxed{x=1} and \boxed{x=2}", r"\{1,2\}").correct


@pytest.mark.parametrize(
    "response",
    [
        "word " * 200_000 + r"\boxed{42}",
        r"\boxed{1} x " * 80_000,
        r"\boxed{" * 140_000,
        r"\boxed{" * 50_000 + "5" + "}" * 50_000,
        r"\boxed{} " * 100_000,
        "{" * 1_000_000,
        r"\boxed{" + "{" * 1_000_000,
        r"\boxed{1}" * 100_000,
        "<think>" * 140_000,
        "\\" * 1_000_000,
        "answer is " * 100_000,
        r"\boxed{" + " your " * 150_000 + "}",
    ],
)
def test_a_megabyte_costs_milliseconds(response: str) -> None:
    # Anything worse than linear takes minutes here; the bound leaves room for a busy machine.
    assert min(_seconds(response) for _ in range(3)) < 3


def _seconds(response: str) -> float:
    start = time.process_time()
    extract_answer(response)
    extract_answer(response, unboxed=True)
    return time.process_time() - start
