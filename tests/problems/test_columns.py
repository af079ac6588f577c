"""Which column of a file holds what."""

from __future__ import annotations

from pathlib import Path

import pytest

from int_verl.problems.columns import Columns, find_columns
from int_verl.problems.sets import load_problems
from int_verl.settings.compose import compose
from tests.problems.problem_files import write
from tests.quickstart_files import QUICKSTART


def test_columns_are_guessed_and_what_is_said_wins() -> None:
    names = ["Problem ID", "Question", "solution", "final_answer", "gold"]
    guessed = find_columns("f", names, [])
    assert guessed.mapping == {
        "problem": "Question",
        "answer": "final_answer",
        "reference_solution": "solution",
        "id": "Problem ID",
    }
    assert set(guessed.guessed) == set(guessed.mapping)
    said = find_columns("f", names, [], {"answer": "gold"})
    assert said.mapping["answer"] == "gold"
    assert "answer" not in said.guessed


@pytest.mark.parametrize("name", ["question", "Short Answer", "a:b", 'odd, "name" [1]', "x=y"])
def test_overrides_say_to_a_run_what_was_guessed(name: str, tmp_path: Path) -> None:
    import shlex

    (override,) = Columns({"problem": name, "answer": "answer"}).overrides()
    (argument,) = shlex.split(override)
    config = compose(QUICKSTART / "quickstart.yaml", [argument])
    assert config.problems.columns == {"problem": name}
    file = write(tmp_path / "p.jsonl", [{name: "6 times 7?", "answer": "42"}])
    assert load_problems(file, config.problems.columns, need_reference=False)[0].problem == "6 times 7?"


def test_an_answer_after_a_mark_leaves_the_solution_before_it() -> None:
    rows = [{"question": "q", "answer": "It takes #### signs.\n#### 3"}, {"question": "r", "answer": "x\n#### 4"}]
    columns = find_columns("f", rows[0], rows)
    assert columns.answer_after == "####"
    assert columns.read(rows[0]) == {"problem": "q", "answer": "3", "reference_solution": "It takes #### signs."}
    assert find_columns("f", rows[0], [*rows, {"answer": "5"}]).answer_after is None
    assert find_columns("f", rows[0], [], answer_after="so:").answer_after == "so:"
