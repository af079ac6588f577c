"""What the generator leaves for training beside its tables: verl's RL rows and the data card, a README.md.

The card is a Hugging Face dataset card, so `datasets.load_dataset` reads the folder by the names in `FILES`, here and
once it is on the hub. It has no date and no duration: the same run writes the same card.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from int_verl.files import file_hash, write_text
from int_verl.generate.model import LocalModel
from int_verl.generate.prompts import Prompts
from int_verl.problems.sets import Problem
from int_verl.records import RL, RL_OF_TURNS, write_rows
from int_verl.rl.rows import case_rows, rl_rows
from int_verl.run.folder import RunFolder, installed_versions
from int_verl.run_files import CARD, GUIDED_ROLLOUTS, INTERVENTIONS, KEPT, RL_ROWS
from int_verl.settings.published import public_name, published

_OF_THE_RUN = ("requests", "advice", "lost", "model_allows")
"Counts that say something of the run and its servers, and nothing of the rows."
FILES = {
    "sft": (KEPT, "prefix + intervention, to train on: verl's `messages` and the exact tokens"),
    "rl": (RL_ROWS, "all training problems in verl's columns, for RL"),
    "interventions": (INTERVENTIONS, "every intervention that was guided, kept or not"),
    "guided": (GUIDED_ROLLOUTS, "every guided rollout"),
}
"Name to load it by -> (file in the run's folder, what it holds); the first is the default."


@dataclass(frozen=True, slots=True)
class _File:
    config: str
    name: str
    holds: str
    rows: int
    megabytes: float
    sha256: str


def write_release(
    folder: RunFolder,
    problems: Iterable[Problem],
    prompts: Prompts,
    model: LocalModel,
    proposer: LocalModel | None,
    two_turns: bool,
    counts: Mapping[str, Mapping[str, Any]],
    settings: Mapping[str, Any],
    told_as: str | None = None,
) -> None:
    """Write `RL_ROWS` and `CARD`; the guide stage's tables are in place.

    Args:
        problems: all training problems.
        model: that attempted.
        proposer: who else wrote the interventions; None: the same model.
        two_turns: whether a guided solution was written first.
        counts: stage -> what came through it and what did not, as manifests hold them.
        settings: dotted key -> value, of all settings that the rows depend on; those that may be published are.
        told_as: of cases, `turns.told_as`; None: they are problems.
    """
    if told_as is None:
        write_rows(folder / RL_ROWS, RL, rl_rows(problems, prompts.solve))
    else:
        write_rows(folder / RL_ROWS, RL_OF_TURNS, case_rows(problems, prompts.solve, told_as))
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    card = environment.get_template("data_card.md.jinja").render(
        name=folder.path.resolve().name,
        files=[_described(folder, config) for config in FILES],
        given=counts["sample"].get("given", 0),
        model=public_name(model.label) or "model",
        model_revision=model.revision,
        proposer=proposer and (public_name(proposer.label) or "another one"),
        proposer_revision=proposer and proposer.revision,
        prompts={
            "solve": prompts.solve_version,
            **({"guided solution": prompts.guided_solution_version} if two_turns else {}),
            "verify": prompts.verify_version,
        },
        funnel={
            stage: [_counted(*found) for found in rows.items() if found[0] not in _OF_THE_RUN]
            for stage, rows in counts.items()
        },
        settings={key: json.dumps(value).replace("|", "\\|") for key, value in sorted(published(settings).items())},
        versions=installed_versions(),
    )
    write_text(folder / CARD, card)


def settings_not_published(card: str) -> list[str]:
    """Keys of the settings that a card shows and that `settings/published.py` would not."""
    shown = re.findall(r"^\| `([a-z_]+\.[^`]*|platform)` \| `(.*)` \|$", card, re.MULTILINE)
    return [key for key, value in shown if key not in published({key: _read(value)})]


def _read(value: str) -> Any:
    try:
        return json.loads(value.replace("\\|", "|"))
    except ValueError:
        return value


def _described(folder: RunFolder, config: str) -> _File:
    name, holds = FILES[config]
    path = folder / name
    rows = pq.read_metadata(path).num_rows
    return _File(config, path.name, holds, rows, path.stat().st_size / 1e6, file_hash(path))


def _counted(key: str, value: Any) -> tuple[str, str]:
    if not isinstance(value, Mapping):
        return key, f"{value:,}" if isinstance(value, int) else str(value)
    parts = (
        f"{name} ({_counted('', inner)[1]})" if isinstance(inner, Mapping) else f"{name} {_counted('', inner)[1]}"
        for name, inner in value.items()
    )
    return key, ", ".join(parts) or "none"
