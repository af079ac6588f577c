"""Data of the baselines: a row in the place of every kept intervention, and RL prompts with help."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from int_verl.errors import UserError
from int_verl.generate.chat import ChatCodec
from int_verl.problems.sets import Problem
from int_verl.records import read_rows, write_rows
from int_verl.rl.rows import RL_WITH_PREFIX, guided_prefixes, hint, rl_rows
from int_verl.run.run import Run
from int_verl.run.take_over import take_over
from int_verl.settings.compose import compose
from int_verl.stages.assemble import Stages, schedule_of
from tests.quickstart_files import QUICKSTART, ROOT, scripted_run, write_problem_sets


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A generator run of twelve problems with a scripted engine."""
    folder = tmp_path_factory.mktemp("baselines")
    write_problem_sets(folder, train=12, heldout=3)
    schedule_of(open_run(folder), "guide").execute()
    return folder


def open_run(folder: Path, *overrides: str) -> Run:
    settings = [
        *scripted_run(folder),
        f"prompts.hint={ROOT / 'recipes/baselines/prompts/hint.jinja'}",
        f"prompts.self_reflection={ROOT / 'recipes/baselines/prompts/self_reflection.jinja'}",
    ]
    return Run(compose(QUICKSTART / "quickstart.yaml", [*settings, *overrides]), Console(quiet=True))


def made(folder: Path, *overrides: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]], dict[str, Any]]:
    """The kept interventions, the rows in their place, and the stage's counts."""
    run = open_run(folder, *overrides)
    schedule_of(run, "sft_data").execute()
    manifest = run.folder.manifest("sft_data")
    assert manifest is not None
    rows = list(read_rows(run.folder / "sft_data/sft.parquet"))
    return list(read_rows(run.folder / "guide/sft.parquet")), rows, manifest.counts


def key(row: dict[str, Any]) -> tuple[Any, ...]:
    return row["problem_id"], row["attempt"], row["proposal"]


def test_the_reference_in_the_place_of_every_intervention(folder: Path, codec: ChatCodec) -> None:
    kept, rows, counts = made(folder, "sft_data.kind=reference")
    references = {problem.id: problem.reference_solution for problem in open_run(folder).problems.train}
    assert [key(row) for row in rows] == [key(row) for row in kept]
    assert counts == {"kept_interventions": len(kept), "rows": len(kept), "left_out": 0}
    for row, old in zip(rows, kept, strict=True):
        assert row["prompt_ids"] == old["prompt_ids"]
        assert row["prefix_ids"] == []
        assert row["intervention_ids"][-1] == codec.tokenizer.eos_token_id
        assert codec.decode(row["intervention_ids"][:-1]) == references[row["problem_id"]]
        assert row["messages"][1]["content"] == references[row["problem_id"]]


def test_the_attempt_rewritten_by_the_model(folder: Path, codec: ChatCodec) -> None:
    """With the right values in view the scripted model writes them in its own style; nothing is drawn twice."""
    kept, rows, _ = made(folder, "sft_data.kind=self_reflection")
    assert [key(row) for row in rows] == [key(row) for row in kept]
    answers = {problem.id: problem.answer for problem in open_run(folder).problems.train}
    for row in rows:
        text = codec.decode(row["intervention_ids"])
        assert text.startswith("Step 1: ")
        assert text.endswith(f"\\boxed{{{answers[row['problem_id']]}}}.<|im_end|>")
        assert row["prompt_version"].startswith("self_reflection-")


def test_a_rewritten_attempt_that_is_wrong_is_left_out(folder: Path, tmp_path: Path) -> None:
    template = tmp_path / "blind.jinja"
    template.write_text("{{ problem }}\nThink step by step and put the final answer within \\boxed{}.")
    blind = (f"prompts.self_reflection={template}", "sft_data.kind=self_reflection")
    kept, rows, counts = made(folder, *blind)
    assert 0 < len(rows) < len(kept)
    assert counts["left_out"] == len(kept) - len(rows)
    _, rows, counts = made(folder, *blind, "select.need_success=false")
    assert counts["left_out"] == 0
    assert len(rows) == counts["kept_interventions"]


@pytest.mark.parametrize("shift", [-1, 1])
def test_interventions_at_another_step(folder: Path, codec: ChatCodec, shift: int) -> None:
    kept, rows, _ = made(folder, f"sft_data.location_shift={shift}")
    attempts = {(row["problem_id"], row["attempt"]): row for row in read_rows(folder / "run/sample/attempts.parquet")}
    old = {key(row): row for row in kept}
    assert rows
    for row in rows:
        steps = attempts[row["problem_id"], row["attempt"]]["text"].split("\n\n")
        location = old[key(row)]["location"] + shift
        assert row["location"] == location
        expected = "\n\n".join([*steps[: location - 1], row["content"]])
        assert codec.decode([*row["prefix_ids"], *row["intervention_ids"]]) == expected
    # What was left out had no such place.
    for row in kept:
        if key(row) not in {key(other) for other in rows}:
            steps = attempts[row["problem_id"], row["attempt"]]["steps"]
            assert not 1 <= row["location"] + shift <= steps + 1


def test_unshifted_rows_are_those_of_the_generator(folder: Path) -> None:
    from int_verl.sft.ablation_rows import shifted_row

    run = open_run(folder)
    attempts = {(row["problem_id"], row["attempt"]): row for row in read_rows(folder / "run/sample/attempts.parquet")}
    for row in read_rows(folder / "run/guide/sft.parquet"):
        same = shifted_row(row, attempts[row["problem_id"], row["attempt"]], 0, run.model.codec, "blank_line")
        assert same == row


def test_sft_reads_what_was_made_and_only_then(folder: Path) -> None:
    stages = [stage.name for stage in schedule_of(open_run(folder), "sft").stages]
    assert stages == ["sample", "propose", "guide", "sft"]
    run = open_run(folder, "sft_data.kind=reference")
    assert [stage.name for stage in schedule_of(run, "sft").stages] == ["sample", "propose", "guide", "sft_data", "sft"]
    schedule_of(run, "sft_data").execute()
    (plan,) = Stages(run).sft.plan()
    assert "sft_data/sft.parquet" in plan


def test_a_suffix_goes_with_interventions_only(folder: Path) -> None:
    with pytest.raises(UserError, match=r"sft\.suffix"):
        made(folder, "sft_data.kind=reference", "sft.suffix=true")


def test_hints() -> None:
    reference = "From 3, times 2: first 6. From 6, plus 1: second 7. From 7, times 2: third 14. Hence \\boxed{14}."
    assert hint(reference, "14", 0.5) == "From 3, times 2: first 6. From 6, plus 1: second 7."
    assert hint(reference, "14", 1.0) == "From 3, times 2: first 6. From 6, plus 1: second 7.", "never the answer"
    assert hint(reference, "6", 1.0) == ""
    assert hint("One sentence.", "5", 0.5) == ""
    assert hint("a\n\nb. c.\n\nd\n\ne", "5", 0.5) == "a\n\nb. c."


def test_help_comes_beside_the_plain_problem(folder: Path, tmp_path: Path, codec: ChatCodec) -> None:
    problems = list(open_run(folder).problems.train)
    prefixes = guided_prefixes(
        *(folder / "run" / name for name in ("guide/sft.parquet", "sample/attempts.parquet", "guide/guided.parquet")),
        longest=95,
    )
    assert prefixes
    rows = list(
        rl_rows(
            problems,
            lambda problem: f"Solve {problem}",
            hint_share=0.5,
            with_hint=lambda problem, beginning: f"Solve {problem} from {beginning}",
            prefixes=prefixes,
        )
    )
    assert [row["extra_info"]["index"] for row in rows] == list(range(len(rows)))
    plain = [row for row in rows if row["prompt"][0]["content"] == f"Solve {_text(problems, row)}"]
    plain = [row for row in plain if not row["extra_info"]["assistant_prefix_ids"]]
    assert [row["extra_info"]["id"] for row in plain] == [problem.id for problem in problems]
    helped = [row for row in rows if row not in plain]
    hinted = [row for row in helped if " from From " in row["prompt"][0]["content"]]
    assert 0 < len(hinted) < len(problems)
    kept = {row["problem_id"]: row for row in reversed(list(read_rows(folder / "run/guide/sft.parquet")))}
    begun = {row["extra_info"]["id"]: row["extra_info"]["assistant_prefix_ids"] for row in helped}
    for problem_id, row in kept.items():
        text = codec.decode(begun[problem_id])
        assert text.rstrip("\n").endswith(row["content"])
        assert text.rstrip("\n") == row["messages"][1]["content"]
    write_rows(tmp_path / "rl.parquet", RL_WITH_PREFIX, rows)
    assert list(read_rows(tmp_path / "rl.parquet")) == rows


def _text(problems: list[Problem], row: dict[str, Any]) -> str:
    return next(problem.problem for problem in problems if problem.id == row["extra_info"]["id"])


def test_a_run_over_what_another_has_generated(folder: Path, tmp_path: Path) -> None:
    """The new run finds the generator done; what it makes anew does not reach into the old one."""
    take_over(folder / "run", tmp_path / "run")
    take_over(folder / "run", tmp_path / "run")
    before = (folder / "run/guide/sft.parquet").read_bytes()
    other = open_run(folder, f"run.dir={tmp_path / 'run'}", "select.interventions=one_per_problem")
    reasons = {step.stage.name: step for step in schedule_of(other, "guide").plan()}
    assert [reasons[name].action for name in ("sample", "propose")] == ["skip", "skip"]
    assert "select.interventions" in reasons["guide"].reason
    schedule_of(other, "guide").execute()
    manifest = other.folder.manifest("guide")
    assert manifest is not None
    assert manifest.counts["requests"]["drawn"] == 0
    rows = [row["problem_id"] for row in read_rows(tmp_path / "run/guide/sft.parquet")]
    assert len(rows) == len(set(rows)) > 0
    assert (folder / "run/guide/sft.parquet").read_bytes() == before


def test_the_verifications_that_led_to_a_right_answer(folder: Path, codec: ChatCodec) -> None:
    kept, rows, counts = made(folder, "sft_data.kind=verifications")
    assert [key(row) for row in rows] == [key(row) for row in kept]
    assert counts == {"kept_interventions": len(kept), "rows": len(kept), "left_out": 0}
    for row in rows:
        prompt, verification = codec.decode(row["prompt_ids"]), codec.decode(row["intervention_ids"])
        assert "### Reference solution" in prompt.partition("### Attempt")[0]
        assert prompt.endswith("<|im_start|>assistant\n")
        assert f'"content": "{row["content"]}", "location": {row["location"]}' in verification
        assert verification.endswith("</intervention><|im_end|>")
        assert row["prefix_ids"] == []

    _, both, counts = made(folder, "sft_data.kind=interventions_and_verifications")
    assert counts == {"kept_interventions": len(kept), "rows": 2 * len(kept), "left_out": 0}
    own = [{name: value for name, value in row.items() if name != "messages"} for row in kept]
    assert both == own + rows


def test_verifications_whose_intervention_led_nowhere_teach_nothing(folder: Path) -> None:
    kept, rows, counts = made(folder, "sft_data.kind=verifications", "select.need_success=false")
    right = {key(row) for row in read_rows(folder / "run/guide/interventions.parquet") if row["guided_correct"]}
    assert 0 < len(rows) < len(kept)
    assert {key(row) for row in rows} == right & {key(row) for row in kept}
    assert counts["left_out"] == len(kept) - len(rows)
    made(folder, "sft_data.kind=verifications")  # the other tests' rows again


def test_only_a_models_own_verifications_teach_it(folder: Path, tmp_path: Path) -> None:
    from int_verl.records import PROPOSAL
    from int_verl.sft.verification_rows import verification_rows

    run = folder / "run"
    others = tmp_path / "proposals.parquet"
    write_rows(
        others, PROPOSAL, ({**row, "model_revision": "x"} for row in read_rows(run / "propose/proposals.parquet"))
    )
    with pytest.raises(UserError, match="only a model's own can teach it to propose"):
        list(verification_rows(run / "guide/sft.parquet", run / "guide/interventions.parquet", others, "y"))
