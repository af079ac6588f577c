"""What tells a run from others, at a glance: seed, model, host, commit."""

from __future__ import annotations

from collections.abc import Sequence

from int_verl.redaction import redact
from int_verl.report.run_reader import RunReader, StageRecord

_SETTINGS = {"run.seed": "seed", "model.path": "model", "problems.train": "problems"}
"Published setting -> what it is called."


def facts(folder: RunReader, stages: Sequence[StageRecord]) -> dict[str, str]:
    """Name -> value, of what is known."""
    published = folder.published_settings
    found = {called: published[key] for key, called in _SETTINGS.items() if published.get(key)}
    for fact in ("host", "commit"):
        values = dict.fromkeys(str(stage.origin[fact]) for stage in stages if stage.origin.get(fact))
        if values:
            found[fact] = redact(", ".join(values))
    versions = {name: version for stage in stages for name, version in stage.versions.items()}
    for package in ("int-verl", "verl"):
        if package in versions:
            found[package] = versions[package]
    return found
