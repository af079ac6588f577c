"""Which problems RL trains on: `rl.problems`."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
from rich.console import Console

from int_verl.run.run import Run
from int_verl.settings.compose import compose
from int_verl.stages.assemble import Stages
from tests.quickstart_files import QUICKSTART


def test_rl_problems(generated: Path, problem_sets: Path) -> None:
    sets = [f"problems.{split}={problem_sets}/{split}.jsonl" for split in ("train", "heldout")]

    def run(choice: str) -> Run:
        overrides = [*sets, f"run.dir={generated}", f"rl.problems={choice}"]
        return Run(compose(QUICKSTART / "quickstart.yaml", overrides), Console())

    ids = {
        choice: [problem.id for problem in Stages(run(choice)).rl.training_problems()]
        for choice in ("all", "unsolved", "with_intervention")
    }
    kept = set(pq.read_table(generated / "guide/sft.parquet")["problem_id"].to_pylist())
    assert 0 < len(kept) < len(ids["all"])
    assert ids["with_intervention"] == [problem for problem in ids["all"] if problem in kept]  # each once, in order
    assert set(ids["unsolved"]) != kept
    assert (
        "interventions" in Stages(run("with_intervention")).rl_baseline.inputs()
    )  # other interventions: RL runs again
    assert "interventions" not in Stages(run("all")).rl_baseline.inputs()
