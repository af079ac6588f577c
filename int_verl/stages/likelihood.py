"""What models think of token data: a run's own models and data by default, and others beside them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from int_verl.errors import UserError
from int_verl.evaluate.estimates import CONFIDENCE
from int_verl.evaluate.likelihood import score_tokens
from int_verl.evaluate.likelihood_table import ScoredRow, likelihood_table, shift_of_probability
from int_verl.files import read_json
from int_verl.generate.model import LocalModel
from int_verl.problems.sets import read_problems
from int_verl.records import read_rows
from int_verl.run.run import Run, run_in
from int_verl.run_files import (
    ANALYSIS,
    ATTEMPTS,
    BASELINE_ROWS,
    ENDING_ANSWERS,
    EVALUATED_MODEL,
    EVALUATION,
    HELDOUT_PROBLEMS,
    KEPT,
    SAMPLES,
    SFT_MODEL,
    TRAIN_PROBLEMS,
    validation_dump,
)
from int_verl.stages.assemble import Stages
from int_verl.stages.likelihood_data import DataRow, data_rows, drawn_rows, dumped_rows, solution_row, thinned
from int_verl.stages.sft import sft_model
from int_verl.trainers.any_checkpoint import as_model

BASE = "base"
OWN = "own rollouts"
INTERVENTIONS, TEST = "interventions", "interventions (test)"
_DRAWN = ["problem_id", "finish_reason", "prompt_ids", "token_ids"]

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for beside the run's own."""

    models: Mapping[str, str]
    "Name -> folder or hub name."
    data: Mapping[str, str]
    "Name -> a file of rows, or the folder of a run, whose SFT trains on them."
    rollouts: Mapping[str, str]
    "Model -> the folder of its evaluation, or a validation dump of verl's."
    test: str | None
    "Rows for SFT of problems that SFT has not trained on, as `data`."
    rows: int
    "Of one kind at most; 0: all."


def likelihoods(run: Run, wanted: Wanted, say: Say) -> dict[str, Any]:
    """Score every kind of data under every model, and each model's rollouts under itself.

    Returns:
        ``{"confidence": .95, "data": see `likelihood_table`, "rollouts": the same, one entry a model, "shift":
        {"train": see `shift_of_probability`, "test": ...}}``; a shift is null without rows, or without SFT's model.

    Raises:
        UserError: a model or a file is not there, or not fit; a model has another tokenizer than the run's base; the
            test rows have a problem of the training rows.
    """
    models = _models(run, wanted)
    data = _data(run, wanted)
    own = {name: thinned(rows, wanted.rows) for name, rows in _rollouts(run, wanted, models).items()}
    _check_vocabularies(run, models)
    device = "cuda" if run.platform == "gpu" else "cpu"
    of_data: dict[tuple[str, str], list[ScoredRow]] = {}
    of_rollouts: list[ScoredRow] = []
    for name, model in models.items():
        asked = data | ({OWN: own[name]} if name in own else {})
        say(f"{name}: " + ", ".join(f"{of} {len(rows):,} rows" for of, rows in asked.items()))
        sequences = ((row.context, row.tokens) for rows in asked.values() for row in rows)
        scores = score_tokens(model.folder, sequences, device)
        for of, rows in asked.items():
            scored = [ScoredRow(name, of, row.problem, row.lengths, next(scores)) for row in rows]
            if of == OWN:
                of_rollouts += scored
            else:
                of_data[of, name] = scored

    def shift(name: str) -> dict[str, Any] | None:
        before, after = of_data.get((name, BASE)), of_data.get((name, _trained(run)))
        return shift_of_probability(before, after) if before and after else None

    return {
        "confidence": CONFIDENCE,
        "data": likelihood_table(row for rows in of_data.values() for row in rows),
        "rollouts": likelihood_table(of_rollouts),
        "shift": {"train": shift(INTERVENTIONS), "test": shift(TEST)},
    }


def _models(run: Run, wanted: Wanted) -> dict[str, LocalModel]:
    """The base, SFT's model if there is one, and those that are asked for."""
    named = {
        name: as_model(model, run.folder / ANALYSIS / f"{EVALUATED_MODEL}-{name}")
        for name, model in wanted.models.items()
    }
    if (run.folder / SFT_MODEL).is_file():
        named = {_trained(run): str(sft_model(run.folder)), **named}
    return {BASE: run.model, **{name: LocalModel(model, "--model") for name, model in named.items()}}


def _check_vocabularies(run: Run, models: Mapping[str, LocalModel]) -> None:
    vocabulary = run.model.codec.tokenizer.get_vocab()
    for name, model in models.items():
        if model.codec.tokenizer.get_vocab() != vocabulary:
            raise UserError(f"{name}, {model.name}: has another tokenizer than {run.model.label}; make a run of it")


def _trained(run: Run) -> str:
    """What the model after the run's SFT is called."""
    data = run.settings.sft_data
    return f"SFT on {data.kind.replace('_', '-')}" if data.is_made and data.kind != "interventions" else "InT SFT"


def _data(run: Run, wanted: Wanted) -> dict[str, Sequence[DataRow]]:
    codec, prompts = run.model.codec, run.prompts
    problems = {problem.id: problem for problem in read_problems(run.folder / TRAIN_PROBLEMS)}

    def read(name: str) -> list[DataRow]:
        path = Path(name)
        file = Stages(run_in(path, run.console)).sft.training_file if path.is_dir() else path
        if not file.is_file():
            raise UserError(f"{file}: no such file; run the stages before SFT first")
        return data_rows(file, codec, prompts, problems)

    found: dict[str, list[DataRow]] = {}
    if (run.folder / KEPT).is_file():
        file = Stages(run).sft.training_file
        own = file if file.is_file() and not run.settings.sft_data.is_made else run.folder / KEPT
        found[INTERVENTIONS] = data_rows(own, codec, prompts, problems)
        with_reference = [problems[name] for name in dict.fromkeys(row.problem for row in found[INTERVENTIONS])]
        found["reference"] = [
            solution_row(codec, problem.id, prompts.solve(problem.problem), problem.reference_solution)
            for problem in with_reference
            if problem.reference_solution
        ]
    if (run.folder / BASELINE_ROWS).is_file():
        found[run.settings.sft_data.kind.replace("_", "-")] = data_rows(
            run.folder / BASELINE_ROWS, codec, prompts, problems
        )
    found |= {name: read(place) for name, place in wanted.data.items()}
    if wanted.test is not None:
        found[TEST] = read(wanted.test)
        trained = {row.context for row in found.get(INTERVENTIONS, ())}
        if any(row.context in trained for row in found[TEST]):
            raise UserError(f"--test {wanted.test}: has problems that this run's SFT trains on; give rows of others")
    return {name: thinned(rows, wanted.rows) for name, rows in found.items() if rows}


def _rollouts(run: Run, wanted: Wanted, models: dict[str, LocalModel]) -> dict[str, list[DataRow]]:
    """Each model's own: those that are named, and of the run's models held-out answers, or else the attempts."""
    folder, codec = run.folder, run.model.codec
    heldout = list(read_problems(folder / HELDOUT_PROBLEMS))
    found: dict[str, list[DataRow]] = {}
    if (folder / ENDING_ANSWERS).is_file():
        answers = list(read_rows(folder / ENDING_ANSWERS, ["when", *_DRAWN]))
        for when, name in (("before", BASE), ("after", _trained(run))):
            found[name] = list(drawn_rows(row for row in answers if row["when"] == when))
    else:
        for arm, name in (("rl_baseline", BASE), ("rl", _trained(run))):
            if (dump := folder / validation_dump(arm, 0)).is_file():
                found[name] = list(dumped_rows(dump, codec, run.prompts, heldout))
        if BASE not in found and (folder / ATTEMPTS).is_file():
            found[BASE] = list(drawn_rows(read_rows(folder / ATTEMPTS, _DRAWN)))
    for name, place in wanted.rollouts.items():
        path = Path(place)
        if path.suffix == ".jsonl":
            found[name] = list(dumped_rows(path, codec, run.prompts, heldout))
        elif (path / SAMPLES).is_file():
            found[name] = list(drawn_rows(read_rows(path / SAMPLES, _DRAWN)))
            if name not in models:
                model = read_json(path / EVALUATION)["model"] if (path / EVALUATION).is_file() else place
                models[name] = LocalModel(model, f"--rollouts {name}")
        else:
            raise UserError(f"--rollouts {name}={place}: no samples.parquet there; `int-verl eval --out` leaves one")
        if name not in models:
            raise UserError(f"--rollouts {name}={place}: say with --model {name}=FOLDER which model drew them")
    return {name: rows for name, rows in found.items() if rows and name in models}
