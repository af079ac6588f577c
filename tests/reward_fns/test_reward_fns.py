"""The reward functions, as verl loads and calls them."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from int_verl.grading.reward_contract import check_contract

FOLDER = Path(__file__).parents[2] / "reward_fns"
ELSEWHERE = ("__init__", "guarded", "llm_judge")  # these need another function, or a server
NAMES = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem not in ELSEWHERE)
ROWS = [
    {"data_source": "d", "reward_model": {"ground_truth": gold}, "extra_info": {"index": k}}
    for k, gold in enumerate(["42", r"\frac12", "C"])
]


def load(name: str) -> Any:
    """The module, by file path as verl does it."""
    spec = importlib.util.spec_from_file_location(f"custom_{name}", FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", NAMES)
def test_contract(name: str) -> None:
    rows = ROWS if name != "multiple_choice" else ROWS[2:]
    outcomes = check_contract(load(name).compute_score, rows, seconds=10)
    assert not [outcome for outcome in outcomes if not outcome.passed]


@pytest.mark.parametrize("name", NAMES)
def test_keys_and_docstring(name: str) -> None:
    module = load(name)
    assert "reward.custom_reward_function.path" in (module.__doc__ or "")
    for response in (r"\boxed{42}", "", None):
        result = module.compute_score(data_source="d", solution_str=response, ground_truth="42", extra_info=None)
        assert {"score", "acc", "pred", "verdict"} <= set(result)
        assert None not in result.values()
        json.dumps(result)


def test_one_source_of_truth() -> None:
    from int_verl.reward_fns import math_answer

    assert Path(str(math_answer.__file__)).resolve() == FOLDER / "math_answer.py"


def test_math_answer() -> None:
    compute_score = load("math_answer").compute_score
    assert compute_score("d", r"so \boxed{0.5}", r"\frac12") == {
        "score": 1.0,
        "acc": 1.0,
        "pred": "0.5",
        "verdict": "correct",
    }
    assert compute_score("d", r"so \boxed{0.6}", r"\frac12")["verdict"] == "incorrect"
    assert compute_score("d", "The answer is 7", "7")["score"] == 0.0
    assert compute_score("d", "The answer is 7", "7", unboxed=True)["score"] == 1.0


def test_main_eval_can_average() -> None:
    import numpy as np

    compute_score = load("math_answer").compute_score
    scores = [compute_score("d", rf"\boxed{{{k}}}", "1") for k in range(4)]
    assert float(np.mean(scores)) == 0.25
    assert float(np.mean(scores[1:2])) == 1.0


@pytest.mark.parametrize(("length", "penalty"), [(10, 0.0), (60, 0.0), (80, -0.5), (100, -1.0), (500, -1.0)])
def test_overlong(length: int, penalty: float) -> None:
    module = load("math_answer_overlong")
    settings = {"max_response_length": 100, "overlong_buffer_len": 40}
    text = r"\boxed{1}".rjust(length)
    assert module.compute_score("d", text, "1", **settings)["score"] == pytest.approx(1 + penalty)
    by_tokens = module.compute_score("d", "x" * 999, "1", {"response_length": length}, **settings)
    assert by_tokens["score"] == pytest.approx(penalty)


def test_format_bonus() -> None:
    compute_score = load("math_answer_format").compute_score
    assert compute_score("d", r"\boxed{1}", "1")["score"] == pytest.approx(1.1)
    assert compute_score("d", r"\boxed{2}", "1")["score"] == pytest.approx(0.1)
    assert compute_score("d", "1", "1")["score"] == 0.0
    assert compute_score("d", r"\boxed{1}", "1", think=True)["score"] == 1.0
    assert compute_score("d", r"<think>so</think>\boxed{1}", "1", think=True)["score"] == pytest.approx(1.1)


def test_exact_match() -> None:
    compute_score = load("exact_match").compute_score
    assert compute_score("d", r"\boxed{ New  York }", "new york")["score"] == 1.0
    assert compute_score("d", r"\boxed{York}", "new york")["verdict"] == "incorrect"
    assert compute_score("d", r"\boxed{NYC}", ["new york", "nyc"])["score"] == 1.0
    assert compute_score("d", "NYC", "nyc")["verdict"] == "no_answer"


@pytest.mark.parametrize(
    ("response", "gold", "verdict"),
    [
        (r"\boxed{C}", "C", "correct"),
        (r"\boxed{\text{(C)}}", "(C)", "correct"),
        (r"\boxed{\textbf{(C)}\ 12}", "C", "correct"),
        (r"\boxed{c}", "C", "correct"),
        (r"\boxed{C. Paris}", "C", "correct"),
        (r"\boxed{Paris}", "C", "correct"),
        (r"\boxed{C}", "Paris", "correct"),
        (r"\boxed{B}", "C", "incorrect"),
        (r"\boxed{B or C}", "C", "no_answer"),
        (r"\boxed{(A) or (C)}", "C", "no_answer"),
        ("The answer is (C).", "C", "correct"),
        ("I do not know", "C", "no_answer"),
        (r"\boxed{C}", "?", "gold_unparsable"),
    ],
)
def test_multiple_choice(response: str, gold: str, verdict: str) -> None:
    info = {"choices": ["London", "Rome", "Paris", "Madrid"]}
    assert load("multiple_choice").compute_score("d", response, gold, info)["verdict"] == verdict


def test_overlong_without_a_buffer_is_a_hard_cut_and_takes_anything() -> None:
    overlong = load("math_answer_overlong")
    assert overlong.soft_overlong_penalty(8192, 8192, 0, 1.0) == 0
    assert overlong.soft_overlong_penalty(8193, 8192, 0, 1.0) == -1
    assert overlong.compute_score("s", 5, "5")["verdict"] == "no_answer"


def test_exact_match_takes_the_arrays_that_pandas_makes_of_lists() -> None:
    gold = np.array(["a", "b"], dtype=object)
    compute_score = load("exact_match").compute_score
    assert compute_score("s", r"\boxed{b}", gold)["score"] == 1.0
    assert compute_score("s", r"\boxed{c}", gold)["score"] == 0.0
