"""A part of the check at work: where it runs, and what it has found so far."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from int_verl.doctor import Check
from int_verl.files import read_json, write_text


@dataclass(frozen=True, slots=True)
class Job:
    """What it finds is written down at once, so that a part that is stopped on its way leaves what it had."""

    part: str
    out: Path
    "The folder of all parts."
    platform: Literal["gpu", "cpu"]
    overrides: tuple[str, ...] = ()
    "Settings of int-verl for the schedule."
    checks: list[Check] = field(default_factory=list)
    figures: dict[str, str] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        """The part's own folder."""
        return self.out / self.part

    def check(self, *found: Check) -> None:
        self.checks.extend(found)
        self._write()

    def figure(self, **shown: str) -> None:
        """By name; an underscore stands for a space."""
        self.figures.update({name.replace("_", " "): value for name, value in shown.items()})
        self._write()

    def _write(self) -> None:
        found = {"checks": [asdict(check) for check in self.checks], "figures": self.figures}
        write_text(findings(self.out, self.part), json.dumps(found, indent=2) + "\n")


def findings(out: Path, part: str) -> Path:
    """The file with what a part has found."""
    return out / f"{part}.json"


def read_findings(out: Path, part: str) -> dict[str, Any]:
    """Its checks and figures; none where it found nothing."""
    file = findings(out, part)
    return read_json(file) if file.is_file() else {"checks": [], "figures": {}}
