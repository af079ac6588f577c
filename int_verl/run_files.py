"""Where the files of a run lie: paths relative to its folder, and the schemas of the generator's tables."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from int_verl.records import (
    ATTEMPT,
    ATTEMPT_OF_TURNS,
    GUIDED,
    GUIDED_OF_TURNS,
    GUIDED_SOLUTION,
    INTERVENTION,
    PROPOSAL,
    SFT,
    SFT_OF_TURNS,
)

CONFIG = "config.yaml"
JOURNAL = "journal.sqlite"
LOCK = ".lock"
REPORT = "report.html"
REPORT_TEXT = "report.md"
REPORT_JSON = "report.json"
REPORT_FIGURES = "report/figures"
"Each figure of the report as PNG, and its numbers as CSV."
STATUS = "status.json"
"What the stage at work says of itself."
GENERATOR_METRICS = "metrics"
"What verl's trackers leave of the generator."
SPOOL = "rows.spool"
"Rows of finished problems, until they can be written in the order of the problems."

TRAIN_PROBLEMS = "problems/train.parquet"
HELDOUT_PROBLEMS = "problems/heldout.parquet"
CHECKED_PROBLEMS = "problems/checked.txt"
"A hash of what the problems were checked with."

ATTEMPTS = "sample/attempts.parquet"
GUIDED_SOLUTIONS = "propose/guided_solutions.parquet"
PROPOSALS = "propose/proposals.parquet"
GUIDED_ROLLOUTS = "guide/guided.parquet"
INTERVENTIONS = "guide/interventions.parquet"
KEPT = "guide/sft.parquet"
"The kept interventions as rows for SFT."
RL_ROWS = "guide/rl.parquet"
CARD = "guide/README.md"

BASELINE_ROWS = "sft_data/sft.parquet"
"Rows for SFT in the place of `KEPT`."
ROWS_WITH_SUFFIX = "sft/with_suffix.parquet"
SFT_CHECKPOINTS = "sft/checkpoints"
SFT_METRICS = "sft/metrics.jsonl"
SFT_MODEL = "sft/model.txt"
"Holds the path of the finished model, in Hugging Face format."

ONLINE = "online"
"Of an RL stage's folder: what interventions did in it, with `rl.online` and `rl.dump_rollouts`."

ENDING_ANSWERS = "ending/answers.parquet"
"Answers of the base and of SFT's model to held-out problems."

SCORES = "eval/scores.parquet"
RESULTS = "eval/results.json"

ANALYSIS = "analysis"
"What `int-verl analyse` leaves."

SAMPLES = "samples.parquet"
"Of an evaluation on problem sets of its own, and below: its folder is no run's."
EVALUATED_PROBLEMS = "problems.parquet"
EVALUATION = "eval.json"
EVALUATION_TEXT = "eval.md"
FIGURES = "figures"
"As parquet and as csv."
PASS_AT_K = "pass_at_k.png"
EVALUATED_MODEL = "model"
"The model, where the checkpoint was none that an engine reads."

Tables = dict[str, dict[str, tuple[str, pa.Schema]]]

TABLES: Tables = {
    "sample": {"attempts": (ATTEMPTS, ATTEMPT)},
    "propose": {
        "guided_solutions": (GUIDED_SOLUTIONS, GUIDED_SOLUTION),
        "proposals": (PROPOSALS, PROPOSAL),
    },
    "guide": {
        "guided": (GUIDED_ROLLOUTS, GUIDED),
        "interventions": (INTERVENTIONS, INTERVENTION),
        "sft": (KEPT, SFT),
    },
}
"""Generator stage -> table -> (file, schema). A table has the name of its field in `ProblemRows`."""
_OF_TURNS = {"attempts": ATTEMPT_OF_TURNS, "guided": GUIDED_OF_TURNS, "sft": SFT_OF_TURNS}


def tables_of(conversations: bool) -> Tables:
    """`TABLES`, with the columns that only conversations have where attempts are such."""
    if not conversations:
        return TABLES
    return {
        stage: {table: (file, _OF_TURNS.get(table, schema)) for table, (file, schema) in tables.items()}
        for stage, tables in TABLES.items()
    }


def online_dumps(folder: Path) -> list[tuple[str, Path]]:
    """RL stage and file of what interventions did in each of its steps, in their order."""
    return [
        (arm, file)
        for arm in ("rl", "rl_baseline")
        for file in sorted((folder / arm / ONLINE).glob("*.jsonl"), key=lambda file: int(file.stem))
    ]


def round_folder(folder: Path, number: int) -> Path:
    """Where a round lies: the first in the run's own folder, the others in it."""
    return folder if number == 1 else folder / f"round-{number}"


def validation_dump(arm: str, step: int) -> str:
    """verl's validation rollouts of an RL stage at a step."""
    return f"{arm}/validation/{step}.jsonl"
