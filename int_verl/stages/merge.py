"""Finished shards become one run: the same tables, byte for byte, as a run of all problems would have written."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from int_verl.console import SafeConsole
from int_verl.errors import UserError
from int_verl.files import check_own_files
from int_verl.generate.journal import Journal
from int_verl.generate.problem_rows import ProblemRows
from int_verl.generate.tables import stages_up_to
from int_verl.problems.sets import read_problems
from int_verl.progress import StageProgress
from int_verl.records import read_rows
from int_verl.run.folder import Manifest, RunFolder
from int_verl.run.run import Run
from int_verl.run.shards import Shard
from int_verl.run_files import CONFIG, TABLES, TRAIN_PROBLEMS
from int_verl.settings.compose import load_yaml
from int_verl.settings.generation import UNTIL, Until
from int_verl.stages.assemble import schedule_of
from int_verl.stages.finished_run import begin, complete, run_with

_DIFFERS = ("run.shard",)
_MADE_HERE = ("attempts", "proposals")
"Inputs of a stage that are the shard's own rows."


@dataclass(frozen=True, slots=True)
class _Shard:
    """A run of a share of the problems, with the folder's settings, wherever the folder lies now."""

    run: Run
    part: Shard

    @property
    def path(self) -> Path:
        return self.run.folder.path

    def manifest(self, stage: str) -> Manifest:
        manifest = self.run.folder.manifest(stage)
        if manifest is None:
            raise UserError(f"{self.path}: {stage} has not run; finish this shard first")
        return manifest


def merge(folders: Sequence[Path], into: Path, console: SafeConsole) -> None:
    """Merge the runs in `folders` into a new run folder, with which `int-verl run` goes on.

    Raises:
        UserError: a folder is no finished shard, the shards do not belong together, two have the same problem, or a
            problem is in none of them.
    """
    shards = [_shard(folder, console) for folder in folders]
    until = _last_stage(shards)
    for stage in stages_up_to(until):
        _check_finished(shards, stage)
        _check_alike(shards, stage)
    _check_cover(shards)
    merged = _run_of(shards[0].run.config, into, console, shard=None)
    folder = merged.folder
    with folder.lock():
        held = [stage for stage in UNTIL if folder.manifest(stage) is not None]
        if held:
            raise UserError(f"--into {into}: this folder already has a {held[0]} stage; choose another")
        begin(merged)
        with Journal(folder.journal) as journal:
            for shard in shards:
                journal.absorb(shard.run.folder.journal)
        requests = _sum([shard.manifest(until).counts.get("requests", {}) for shard in shards])
        progress = StageProgress(console, "merge", len(merged.problems.train), "written")
        complete(merged, _in_order(folder, shards, until), until, progress, requests)


def _run_of(config: Any, folder: Path, console: SafeConsole, shard: str | None) -> Run:
    return run_with(config, {"run": {"dir": str(folder), "shard": shard}}, console)


def _shard(folder: Path, console: SafeConsole) -> _Shard:
    file = folder / CONFIG
    if not file.is_file():
        raise UserError(f"{folder}: no run folder; merge takes the folders of runs with run.shard")
    check_own_files(folder)
    config = load_yaml(file)
    text = OmegaConf.select(config, "run.shard")
    if text is None:
        raise UserError(f"{folder}: a run of all problems, not a shard; merge takes the folders of runs with run.shard")
    run = _run_of(config, folder, console, text)
    assert run.problems.shard is not None
    return _Shard(run, run.problems.shard)


def _last_stage(shards: Sequence[_Shard]) -> Until:
    """The last stage that any of the shards has begun."""
    begun = [stage for stage in UNTIL if any(shard.run.folder.manifest(stage) is not None for shard in shards)]
    return begun[-1] if begun else UNTIL[0]


def _check_finished(shards: Sequence[_Shard], name: Until) -> None:
    for shard in shards:
        shard.manifest(name)
        schedule = schedule_of(shard.run, name)
        task = schedule.decide(schedule.stages[-1])
        if task.action != "skip":
            raise UserError(f"{shard.path}: {name} is not finished ({task.reason}); run this shard to its end")


def _check_alike(shards: Sequence[_Shard], stage: Until) -> None:
    first = shards[0]
    manifest = _common(first.manifest(stage))
    for other in shards[1:]:
        found = _common(other.manifest(stage))
        changes = manifest.changes(found.inputs, found.settings)
        if changes:
            raise UserError(f"{first.path} and {other.path} do not belong together: {stage}: {'; '.join(changes)}")


def _common(manifest: Manifest) -> Manifest:
    """What has to be the same in all shards."""
    inputs = {name: value for name, value in manifest.inputs.items() if name not in _MADE_HERE}
    settings = {key: value for key, value in manifest.settings.items() if key not in _DIFFERS}
    return Manifest(manifest.stage, manifest.status, inputs, settings)


def _check_cover(shards: Sequence[_Shard]) -> None:
    """Every problem is in exactly one shard; the pattern repeats, so one period of it is looked at."""
    period = math.lcm(*(shard.part.count for shard in shards))
    missing = []
    for position in range(min(period, len(shards[0].run.problems.train))):
        owners = [shard for shard in shards if shard.part.has(position)]
        if len(owners) > 1:
            first, second = owners[:2]
            raise UserError(
                f"{first.path} (run.shard={first.part}) and {second.path} (run.shard={second.part}) "
                f"overlap: both have row {position + 1} of the problem set; leave one of them out"
            )
        if not owners:
            missing.append(str(Shard(position, period)))
    if missing:
        more = f" and {len(missing) - 8} more" if len(missing) > 8 else ""
        raise UserError(f"run.shard={', '.join(missing[:8])}{more} missing: no folder has these problems; add theirs")


def _in_order(folder: RunFolder, shards: Sequence[_Shard], until: Until) -> Iterator[ProblemRows]:
    """The shards' rows, problem by problem in the order of the problem set."""
    tables = [(shard.part, _Tables(shard.path, until)) for shard in shards]
    for position, problem in enumerate(read_problems(folder / TRAIN_PROBLEMS)):
        (owner,) = (table for part, table in tables if part.has(position))
        yield owner.take(position, problem.id)
    for _, table in tables:
        table.check_empty()


class _Tables:
    """The tables of one shard, read side by side, a problem at a time."""

    def __init__(self, folder: Path, until: Until) -> None:
        files = {name: folder / file for stage in stages_up_to(until) for name, (file, _) in TABLES[stage].items()}
        self._files = files
        self._groups = {name: groupby(read_rows(file), key=itemgetter("problem_id")) for name, file in files.items()}
        self._next: dict[str, tuple[str, list[dict[str, Any]]] | None] = {}
        for name in files:
            self._advance(name)

    def _advance(self, name: str) -> None:
        group = next(self._groups[name], None)
        self._next[name] = (group[0], list(group[1])) if group else None

    def take(self, position: int, problem_id: str) -> ProblemRows:
        rows = ProblemRows(position)
        for name in self._files:
            following = self._next[name]
            if following is not None and following[0] == problem_id:
                setattr(rows, name, following[1])
                self._advance(name)
        if not rows.attempts:
            found = self._next["attempts"]
            raise UserError(
                f"{self._files['attempts']}: the rows of problem {problem_id} (row {position + 1} of the problem set) "
                f"are missing" + (f", those of {found[0]} stand there" if found else "") + "; run this shard anew"
            )
        return rows

    def check_empty(self) -> None:
        for name, following in self._next.items():
            if following is not None:
                raise UserError(
                    f"{self._files[name]}: problem {following[0]} is not this shard's, or out of order; "
                    "run this shard anew"
                )


def _sum(counts: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {name: round(sum(each[name] for each in counts), 1) for name in counts[0]} if counts else {}
