"""What is in a run folder, read so that a missing or damaged file becomes a remark and never an exception."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, get_args

import pyarrow as pa
import pyarrow.parquet as pq
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from int_verl.errors import UserError, first_line
from int_verl.files import check_own_files
from int_verl.problems.sets import load_problems
from int_verl.records import read_rows
from int_verl.run_files import CONFIG, TRAIN_PROBLEMS
from int_verl.settings.compose import flatten, load_yaml
from int_verl.settings.generation import StepRule
from int_verl.settings.published import published

STAGES = {
    "sample": "Sample",
    "propose": "Propose",
    "guide": "Guide",
    "sft": "InT SFT",
    "ending": "Endings",
    "rl": "RL from InT SFT",
    "rl_baseline": "RL from base",
    "eval": "Evaluate",
}


@dataclass(frozen=True, slots=True)
class StageRecord:
    """One stage as its manifest tells it."""

    name: str
    title: str
    status: str
    "done, running, failed; missing without a manifest, unreadable if it is damaged."
    seconds: float | None
    counts: dict[str, Any]
    versions: dict[str, str]
    origin: dict[str, Any] = field(default_factory=dict)
    "Command, host and commit, as far as the manifest has them."


@dataclass
class RunReader:
    """Reads one run folder; `remarks` collects what could not be read."""

    path: Path
    remarks: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not self.path.is_dir():
            raise UserError(f"{self.path}: no such run folder; name one that int-verl run has made")
        check_own_files(self.path)

    def json(self, relative: str) -> dict[str, Any] | None:
        """An object from a JSON file, or None."""
        try:
            data = json.loads((self.path / relative).read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            self.remarks.append(f"{relative} cannot be read: {error}")
            return None
        if not isinstance(data, dict):
            self.remarks.append(f"{relative} does not hold a JSON object")
            return None
        return data

    def json_lines(self, relative: str) -> Iterator[dict[str, Any]]:
        """Objects of a JSON-lines file; damaged lines, as a killed run may leave, are skipped and counted."""
        path, damaged = self.path / relative, 0
        if not path.is_file():
            return
        with path.open("rb") as file:
            for line in file:
                try:
                    row = json.loads(line)
                except ValueError:
                    row = None
                if isinstance(row, dict):
                    yield row
                elif line.strip():
                    damaged += 1
        if damaged:
            self.remarks.append(f"{relative}: {damaged} damaged {'line' if damaged == 1 else 'lines'} skipped")

    def rows(self, relative: str, columns: list[str], optional: Sequence[str] = ()) -> Iterator[dict[str, Any]]:
        """Some columns of a parquet file, a row group at a time; nothing if it is missing or damaged."""
        path = self.path / relative
        if not path.is_file():
            return
        try:
            present = set(pq.read_schema(path).names)
            if absent := [column for column in columns if column not in present]:
                self.remarks.append(f"{relative} has no column {', '.join(absent)}")
                return
            yield from read_rows(path, [*columns, *(column for column in optional if column in present)])
        except (OSError, pa.ArrowException) as error:
            self.remarks.append(f"{relative} cannot be read: {first_line(error)}")

    def problems(self) -> Iterator[dict[str, Any]]:
        """Training problems as the run has kept them, or else as they now lie in the file that its settings name."""
        if self.has(TRAIN_PROBLEMS):
            yield from self.rows(TRAIN_PROBLEMS, ["id", "problem", "answer", "reference_solution"])
            return
        settings = self.settings
        file, limit = settings.get("problems.train", ""), settings.get("problems.train_limit", "null")
        columns = {k.rpartition(".")[2]: v for k, v in settings.items() if k.startswith("problems.columns.")}
        if Path(file).is_file():
            try:
                mark = self._settings.get("problems.answer_after")
                problems = load_problems(file, columns, int(limit) if limit.isdigit() else None, False, mark)
            except UserError as error:
                self.remarks.append(str(error))
                return
            yield from (problem.row() for problem in problems)

    def step_rule(self) -> StepRule:
        """What separates the steps of the run's attempts; the default where its settings cannot be read."""
        rule = self.settings.get("steps.by")
        return rule if rule in get_args(StepRule) else "blank_line"  # type: ignore[return-value]

    def has(self, relative: str) -> bool:
        return (self.path / relative).is_file()

    def stages(self) -> list[StageRecord]:
        return [self._stage(name, title) for name, title in STAGES.items()]

    def _stage(self, name: str, title: str) -> StageRecord:
        file = f"{name}/manifest.json"
        manifest = self.json(file)
        if manifest is None:
            return StageRecord(name, title, "unreadable" if self.has(file) else "missing", None, {}, {})
        seconds = manifest.get("seconds")
        return StageRecord(
            name,
            title,
            str(manifest.get("status", "unreadable")),
            float(seconds) if isinstance(seconds, int | float) else None,
            _object(manifest.get("counts")),
            {str(package): str(version) for package, version in _object(manifest.get("versions")).items()},
            _object(manifest.get("origin")),
        )

    @property
    def settings(self) -> dict[str, str]:
        """The settings as `config.yaml` has them, by dotted keys."""
        return _as_texts(self._settings)

    @property
    def published_settings(self) -> dict[str, str]:
        """Those of them that a report shows, which people send to each other."""
        return _as_texts(published(self._settings))

    @cached_property
    def _settings(self) -> dict[str, Any]:
        path = self.path / CONFIG
        if not path.is_file():
            return {}
        try:
            values = OmegaConf.to_container(load_yaml(path), resolve=False)
        except (ValueError, OmegaConfBaseException) as error:
            self.remarks.append(f"config.yaml cannot be read: {first_line(error)}")
            return {}
        return flatten(_object(values))


def _as_texts(settings: Mapping[str, Any]) -> dict[str, str]:
    return {key: value if isinstance(value, str) else json.dumps(value, default=str) for key, value in settings.items()}


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
