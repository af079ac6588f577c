"""The rows that stages exchange, as Arrow schemas.

Every generated row has `PROVENANCE`: what was asked of which model under which prompt, so that a row can be traced
and drawn again. Keys are ids and indices, never positions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from int_verl.files import open_new

_TOKENS = pa.list_(pa.int32())
_MESSAGES = pa.list_(pa.struct([pa.field("role", pa.string()), pa.field("content", pa.string())]))
_MASK = pa.list_(pa.int8())
_MASKED_MESSAGES = pa.list_(pa.struct([*_MESSAGES.value_type, pa.field("loss_mask", pa.int8())]))
_PROPOSAL = [pa.field("problem_id", pa.string()), pa.field("attempt", pa.int32()), pa.field("proposal", pa.int32())]
_ROWS_AT_A_TIME = 50

PROVENANCE = [
    pa.field("model", pa.string()),  # path or hub name
    pa.field("model_revision", pa.string()),  # hash of the weights
    pa.field("prompt_version", pa.string()),
    pa.field("temperature", pa.float64()),
    pa.field("top_p", pa.float64()),
    pa.field("top_k", pa.int32()),
    pa.field("max_tokens", pa.int32()),
    pa.field("seed", pa.int64()),
    pa.field("prompt_ids", _TOKENS),
    pa.field("token_ids", _TOKENS),
    pa.field("prompt_tokens", pa.int32()),
    pa.field("completion_tokens", pa.int32()),
    pa.field("finish_reason", pa.string()),
    pa.field("fault", pa.string()),  # of a request that was given up: the engine's words
]

PROBLEM = pa.schema(
    [
        pa.field("id", pa.string()),
        pa.field("problem", pa.string()),
        pa.field("answer", pa.string()),
        pa.field("reference_solution", pa.string()),
        pa.field("source", pa.string()),
    ]
)

# One row an attempt. `outcome`: the grader's verdict (correct, incorrect, no_answer, timeout, ...) or truncated.
# `skipped`: why no intervention is asked for it (correct, truncated, duplicate, ...), or empty. The reasons are in
# docs/generator.md. `steps_begin`: offset of the first step in `text`, which may begin with thinking.
ATTEMPT = pa.schema(
    [
        pa.field("problem_id", pa.string()),
        pa.field("attempt", pa.int32()),
        pa.field("text", pa.string()),
        pa.field("answer", pa.string()),
        pa.field("outcome", pa.string()),
        pa.field("correct", pa.bool_()),
        pa.field("steps", pa.int32()),
        pa.field("steps_begin", pa.int32()),
        pa.field("skipped", pa.string()),
        *PROVENANCE,
    ]
)

# What a run may be given instead of drawing it (`generate/given.py`): attempts in the order of their indices, and
# interventions in them. `text` of an intervention: the verification that proposed it, or empty.
GIVEN_ATTEMPT = pa.schema([pa.field("problem_id", pa.string()), pa.field("text", pa.string())])
GIVEN_INTERVENTION = pa.schema(
    [
        pa.field("problem_id", pa.string()),
        pa.field("attempt", pa.int32()),
        pa.field("content", pa.string()),
        pa.field("location", pa.int32()),
        pa.field("text", pa.string()),
    ]
)

# One row a problem in the two-turn protocol: the model's own solution, written with the reference in view. `status`:
# written, truncated (used as far as it goes), or why there is none.
GUIDED_SOLUTION = pa.schema(
    [
        pa.field("problem_id", pa.string()),
        pa.field("text", pa.string()),
        pa.field("status", pa.string()),
        *PROVENANCE,
    ]
)

# One row a verification. `status`: proposed, or the reason of the rejection. `misplaced`: how the location contradicts
# the verification's own verdicts, or empty; `propose.after_first_error` decides whether that is a reason.
PROPOSAL = pa.schema(
    [
        *_PROPOSAL,
        pa.field("text", pa.string()),
        pa.field("status", pa.string()),
        pa.field("misplaced", pa.string()),
        pa.field("content", pa.string()),
        pa.field("location", pa.int32()),
        *PROVENANCE,
    ]
)

# One row a guided rollout. `condition`: intervention, or the control it is measured against: wrong_step, prefix,
# hint_and_intervention; or problem or hint, which belong to no attempt and no proposal (null).
GUIDED = pa.schema(
    [
        *_PROPOSAL,
        pa.field("condition", pa.string()),
        pa.field("rollout", pa.int32()),
        pa.field("text", pa.string()),
        pa.field("answer", pa.string()),
        pa.field("outcome", pa.string()),
        pa.field("correct", pa.bool_()),
        *PROVENANCE,
    ]
)

# One row an intervention that was guided. `guided`: rollouts drawn, with `guided_tokens` new tokens in all;
# `not_drawn`: those that waves made unnecessary. `kept`: at least one was correct, and the selection took it.
INTERVENTION = pa.schema(
    [
        *_PROPOSAL,
        pa.field("content", pa.string()),
        pa.field("location", pa.int32()),
        pa.field("steps", pa.int32()),
        pa.field("guided", pa.int32()),
        pa.field("guided_correct", pa.int32()),
        pa.field("guided_truncated", pa.int32()),
        pa.field("guided_tokens", pa.int64()),
        pa.field("not_drawn", pa.int32()),
        pa.field("kept", pa.bool_()),
    ]
)

# What SFT trains on. Token columns are what `InterventionSFTDataset` reads; `messages` is verl's own column.
# `prompt_ids` hold what is not trained on: the prompt, and thinking that has no steps (`sample.thinking=solution`).
# `prefix_rest`: the piece of a token of the attempt that the cut went through; encoded as one with the content.
SFT = pa.schema(
    [
        *_PROPOSAL,
        pa.field("prompt_ids", _TOKENS),
        pa.field("prefix_ids", _TOKENS),
        pa.field("prefix_rest", pa.string()),
        pa.field("intervention_ids", _TOKENS),
        pa.field("content", pa.string()),
        pa.field("location", pa.int32()),
        pa.field("messages", _MESSAGES),
        pa.field("model", pa.string()),
        pa.field("model_revision", pa.string()),
        pa.field("prompt_version", pa.string()),
    ]
)

# What the rows of conversations have besides: `messages`, all that was said from the first on; `response_mask`, 1 for
# those of `token_ids` that are the policy's; `ended_by` (see `int_verl.generate.conversations.talk`); the environment's
# score and what it is made of, as JSON; null where it failed. `text` is what was said since the policy's first turn.
TURNS = [
    pa.field("messages", _MESSAGES),
    pa.field("response_mask", _MASK),
    pa.field("ended_by", pa.string()),
    pa.field("reward", pa.float64()),
    pa.field("score_parts", pa.string()),
]
ATTEMPT_OF_TURNS = pa.schema([*ATTEMPT, *TURNS])
GUIDED_OF_TURNS = pa.schema([*GUIDED, *TURNS])
# `prefix_mask`: 1 for the policy's own tokens of the prefix. `intervention_ids` end with the end of the turn.
# `begun`: the conversation after the partner's answer to the intervention, as JSON; empty where it ended with that.
SFT_OF_TURNS = pa.schema(
    [
        *(pa.field("messages", _MASKED_MESSAGES) if one.name == "messages" else one for one in SFT),
        pa.field("prefix_mask", _MASK),
        pa.field("begun", pa.string()),
    ]
)

# verl's columns (verl/utils/dataset/rl_dataset.py); all files of one trainer run have the same features.
_EXTRA_INFO = pa.struct(
    [
        pa.field("index", pa.int64()),
        *(pa.field(name, pa.string()) for name in ("id", "problem", "reference_solution")),
    ]
)
RL = pa.schema(
    [
        pa.field("data_source", pa.string()),
        pa.field("prompt", _MESSAGES),
        pa.field("ability", pa.string()),
        pa.field("reward_model", pa.struct([pa.field("style", pa.string()), pa.field("ground_truth", pa.string())])),
        pa.field("extra_info", _EXTRA_INFO),
    ]
)

# Of conversations: `case` is what the environment is given, as JSON; `begun`, the conversation that a rollout takes up
# (`int_verl.generate.conversations.talk`), or empty.
_OF_CASE = [pa.field("case", pa.string()), pa.field("begun", pa.string())]
RL_OF_TURNS = RL.set(RL.get_field_index("extra_info"), pa.field("extra_info", pa.struct([*_EXTRA_INFO, *_OF_CASE])))

# How often each problem was solved by each evaluated model. `problem_set`: for example heldout, hard.
SCORE = pa.schema(
    [
        pa.field("model", pa.string()),
        pa.field("problem_set", pa.string()),
        pa.field("problem_id", pa.string()),
        pa.field("samples", pa.int32()),
        pa.field("correct", pa.int32()),
        pa.field("truncated", pa.int32()),
    ]
)

# One row an answer of the base (`when`: before) or of SFT's model (after) to a held-out problem. `end_before` and
# `end_after`: how probable the end token is behind some of the base's answers, for the model before and after SFT.
ANSWER = pa.schema(
    [
        pa.field("when", pa.string()),
        pa.field("problem_id", pa.string()),
        pa.field("sample", pa.int32()),
        pa.field("text", pa.string()),
        pa.field("correct", pa.bool_()),
        pa.field("end_before", pa.float64()),
        pa.field("end_after", pa.float64()),
        *PROVENANCE,
    ]
)

# One row a sample of an evaluation. `outcome`: as of an attempt.
SAMPLE = pa.schema(
    [
        pa.field("problem_set", pa.string()),
        pa.field("source", pa.string()),
        pa.field("problem_id", pa.string()),
        pa.field("sample", pa.int32()),
        pa.field("text", pa.string()),
        pa.field("answer", pa.string()),
        pa.field("outcome", pa.string()),
        pa.field("correct", pa.bool_()),
        *PROVENANCE,
    ]
)

# One row a problem of an evaluation, what the figures are made of. `text_hash`: of the problem, to tell two apart that
# have one id. `wrong_votes`: samples of each wrong answer. `truncated`, `no_answer`:
# samples that are not right because the length limit cut them off, or that have no answer. `lost`: samples that the
# engine gave up, which are not among `samples`. `tokens`: of all responses together. Null: not known.
EVALUATED = pa.schema(
    [
        *(pa.field(name, pa.string()) for name in ("model", "problem_set", "source", "problem_id", "text_hash")),
        *(pa.field(name, pa.int32()) for name in ("samples", "correct", "truncated", "no_answer", "lost")),
        pa.field("wrong_votes", pa.list_(pa.int32())),
        pa.field("tokens", pa.int64()),
    ]
)

# An evaluation's figures, one a row. `k`: of pass@k and maj@k.
FIGURE = pa.schema(
    [
        *(pa.field(name, pa.string()) for name in ("model", "problem_set", "figure")),
        pa.field("k", pa.int32()),
        *(pa.field(name, pa.float64()) for name in ("value", "low", "high")),
        pa.field("problems", pa.int32()),
    ]
)


class RowWriter:
    """Writes rows to a parquet file in row groups, and puts the file in place only when it is complete.

    Use as a context manager; an exception leaves the earlier file, if any, untouched. Rows wait for their group as
    Arrow, in a tenth of the memory that lists of token ids take.
    """

    def __init__(self, path: Path, schema: pa.Schema, rows_per_group: int = 1_000) -> None:
        self.path, self.schema, self.rows_per_group = path, schema, rows_per_group
        self.count = 0
        self._partial = path.with_name(path.name + ".partial")
        self._rows: list[Mapping[str, Any]] = []
        self._group: list[pa.Table] = []

    def __enter__(self) -> RowWriter:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = open_new(self._partial)
        self._writer = pq.ParquetWriter(self._file, self.schema, compression="zstd")
        return self

    def write(self, row: Mapping[str, Any]) -> None:
        self._rows.append(row)
        self.count += 1
        if len(self._rows) >= _ROWS_AT_A_TIME:
            self._pack()
        if self.count % self.rows_per_group == 0:
            self._flush()

    def _pack(self) -> None:
        if self._rows:
            self._group.append(pa.Table.from_pylist(self._rows, schema=self.schema))
            self._rows = []

    def _flush(self) -> None:
        self._pack()
        if self._group:
            self._writer.write_table(pa.concat_tables(self._group).combine_chunks())
            self._group = []

    def __exit__(self, exc_type: type[BaseException] | None, *_: object) -> None:
        if exc_type is None:
            self._flush()
        self._writer.close()
        self._file.close()
        if exc_type is None:
            self._partial.replace(self.path)
        else:
            self._partial.unlink(missing_ok=True)


def write_rows(path: Path, schema: pa.Schema, rows: Iterable[Mapping[str, Any]]) -> int:
    """Write all rows atomically and return their number."""
    with RowWriter(path, schema) as writer:
        for row in rows:
            writer.write(row)
    return writer.count


def read_rows(path: Path, columns: list[str] | None = None) -> Iterator[dict[str, Any]]:
    """Rows of a parquet file, a few at a time."""
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=_ROWS_AT_A_TIME, columns=columns):
            yield from batch.to_pylist()
