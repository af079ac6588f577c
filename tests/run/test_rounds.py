"""What a round after the first does otherwise, and which runs can have none."""

from __future__ import annotations

from pathlib import Path

import pytest

from int_verl.errors import UserError
from int_verl.run.rounds import check_rounds, round_overrides
from int_verl.run_files import round_folder
from int_verl.settings.compose import checked, compose
from int_verl.settings.sections import Settings
from tests.quickstart_files import QUICKSTART


def settings(problem_sets: Path, *overrides: str) -> Settings:
    sets = [f"problems.{split}={problem_sets}/{split}.jsonl" for split in ("train", "heldout")]
    return checked(compose(QUICKSTART / "quickstart.yaml", [*sets, *overrides]))


def test_a_round_starts_from_the_model_of_the_one_before(problem_sets: Path) -> None:
    first = settings(problem_sets, "run.dir=runs/x", "rounds=3")
    for number, model in ((2, "runs/x/rl/model"), (3, "runs/x/round-2/rl/model")):
        later = settings(problem_sets, "run.dir=runs/x", "rounds=3", *round_overrides(first, number))
        assert later.run.dir == f"runs/x/round-{number}" == str(round_folder(Path("runs/x"), number))
        assert later.run.name == f"quickstart-round-{number}"
        assert (later.rounds, later.model.path) == (1, model)
        assert later.propose.only_unsolved
        assert later.rl.problems == "unsolved"
        assert not later.baseline.rl
        assert later.rl.total_steps == first.rl.total_steps
    chosen = settings(problem_sets, "rounds=2", "rl.problems=with_intervention")
    assert not any(override.startswith("rl.problems") for override in round_overrides(chosen, 2))


def test_what_can_have_no_second_round(problem_sets: Path) -> None:
    check_rounds(settings(problem_sets, "engine.name=scripted"))
    check_rounds(settings(problem_sets, "rounds=2"))
    with pytest.raises(UserError, match=r"rounds=2 with engine\.name=scripted: only verl's own servers"):
        check_rounds(settings(problem_sets, "rounds=2", "engine.name=scripted"))
    with pytest.raises(UserError, match=r"rounds=2 with run\.shard=0/2"):
        check_rounds(settings(problem_sets, "rounds=2", "run.shard=0/2"))


@pytest.mark.parametrize("value", ["0", "-1", "1.5", "true", "two", "null"])
def test_a_number_of_rounds(problem_sets: Path, value: str) -> None:
    with pytest.raises(UserError, match=r"rounds=\S+: expected a whole number of 1 or more"):
        settings(problem_sets, f"rounds={value}")
