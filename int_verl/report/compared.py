"""What runs and evaluations have to be compared by: the scores of their models, and the curves of their training."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from int_verl.errors import UserError
from int_verl.evaluate.comparison import Entry
from int_verl.evaluate.samples import text_digest
from int_verl.evaluate.tables import HARD, HELDOUT
from int_verl.files import read_json
from int_verl.records import EVALUATED
from int_verl.report.curves import Curve, rl_curves
from int_verl.report.run_reader import RunReader
from int_verl.run_files import CONFIG, EVALUATED_PROBLEMS, EVALUATION, HELDOUT_PROBLEMS, SCORES, TRAIN_PROBLEMS

Row = dict[str, Any]
CURVES = ("reward", "zero_advantage", "validation")
_NOT_KNOWN: Row = dict.fromkeys(EVALUATED.names)
_PROBLEMS_OF = {HELDOUT: HELDOUT_PROBLEMS, HARD: TRAIN_PROBLEMS}


@dataclass(frozen=True)
class Compared:
    """A run's folder, or an evaluation's."""

    path: Path
    label: str
    "Unlike that of every other."

    @cached_property
    def reader(self) -> RunReader:
        return RunReader(self.path)

    @property
    def is_evaluation(self) -> bool:
        return (self.path / EVALUATION).is_file()

    @cached_property
    def models(self) -> dict[str, list[Row]]:
        """Name -> `records.EVALUATED` rows; an evaluation has one model, under the empty name.

        Raises:
            UserError: it has no scores, or they cannot be read.
        """
        if self.is_evaluation:
            rows = {"": list(self.reader.rows(EVALUATED_PROBLEMS, EVALUATED.names))}
        else:
            rows = self._scores()
        if not any(rows.values()):
            what = f"{self.reader.remarks[0]}" if self.reader.remarks else "no scores there"
            raise UserError(f"{self.path}: {what}; give a run whose stage eval is done, or an evaluation's folder")
        return rows

    def _scores(self) -> dict[str, list[Row]]:
        """Of a run; its rows know neither answers nor lengths."""
        known = {name: self._problems(file) for name, file in _PROBLEMS_OF.items()}
        models: dict[str, list[Row]] = defaultdict(list)
        columns = ["model", "problem_set", "problem_id", "samples", "correct", "truncated"]
        for row in self.reader.rows(SCORES, columns):
            problem = known.get(row["problem_set"], {}).get(row["problem_id"], {})
            source = problem.get("source") or row["problem_set"]
            digest = text_digest(problem["problem"]) if problem else None
            models[row["model"]].append({**_NOT_KNOWN, **row, "source": source, "text_hash": digest})
        return models

    def _problems(self, file: str) -> dict[str, Row]:
        return {row["id"]: row for row in self.reader.rows(file, ["id", "problem", "source"])}

    def name_of(self, model: str) -> str:
        return f"{self.label}: {model}" if model else self.label

    @property
    def k_by_source(self) -> dict[str, int]:
        if self.is_evaluation:
            return dict(read_json(self.path / EVALUATION).get("k_by_source", {}))
        key = "eval.k_by_source."
        return {name[len(key) :]: int(k) for name, k in self.reader.settings.items() if name.startswith(key)}

    def curves(self) -> dict[str, dict[str, Curve]]:
        """What they show -> the model's name here -> the curve of its training."""
        if self.is_evaluation:
            return {}
        found = rl_curves(self.reader)
        return {what: {self.name_of(model): curve for model, curve in found.get(what, {}).items()} for what in CURVES}


def compared(places: Sequence[Path]) -> list[Compared]:
    """The folders, each with the end of its path that no other has.

    Raises:
        UserError: one is neither a run's nor an evaluation's, or is named twice.
    """
    for place in places:
        if not any((place / file).is_file() for file in (EVALUATION, CONFIG)):
            raise UserError(f"{place}: neither a run nor an evaluation; give folders of int-verl run or int-verl eval")
    if len(places) == 1 and (places[0] / EVALUATION).is_file():
        raise UserError(f"{places[0]}: one evaluation has nothing to be compared with; name another behind it")
    parts = [place.resolve().parts for place in places]
    if len(set(parts)) < len(parts):
        raise UserError(f"{next(p for i, p in enumerate(places) if parts[i] in parts[:i])}: is named twice")
    depth = next(n for n in range(1, max(map(len, parts)) + 1) if len({part[-n:] for part in parts}) == len(parts))
    return [Compared(place, "/".join(part[-depth:])) for place, part in zip(places, parts, strict=True)]


def entries(those: Sequence[Compared]) -> list[Entry]:
    """All their models; those of the first are what others are compared with.

    A model is compared with the one of the same name, as a run's is with the same one of another run; where the first
    has none of that name, with its last. Of one run alone the models are compared with its first.
    """
    first, *others = those
    base, *_ = of_first = list(first.models)
    found = []
    for model, rows in first.models.items():
        against = first.name_of(base) if not others and model != base else None
        found.append(Entry(first.name_of(model), rows, against))
    for one in others:
        for model, rows in one.models.items():
            against = first.name_of(model if model in of_first else of_first[-1])
            found.append(Entry(one.name_of(model), rows, against))
    return found


def k_by_source(those: Iterable[Compared], said: Mapping[str, int]) -> dict[str, int]:
    """k of every source: as it is said, or else as the first says that says it."""
    found = dict(said)
    for one in those:
        found = one.k_by_source | found
    return found


def curves(those: Iterable[Compared]) -> dict[str, dict[str, Curve]]:
    """What they show -> curves of all runs; only what there is."""
    found: dict[str, dict[str, Curve]] = {what: {} for what in CURVES}
    for one in those:
        for what, of_models in one.curves().items():
            found[what] |= of_models
    return {what: of_models for what, of_models in found.items() if of_models}
