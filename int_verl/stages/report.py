"""The report as the last stage of the schedule."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from int_verl.files import file_hash
from int_verl.progress import StageProgress
from int_verl.run.run import Run
from int_verl.run.stage import Stage


class ReportStage(Stage):
    """Tables, curves and rows of the run as one HTML page."""

    name = "report"
    does = "tables, curves and rows as one HTML page"
    reads = ()  # of an unfinished run it shows what there is
    settings = ("run.name",)

    def inputs(self, run: Run) -> dict[str, str]:
        manifests = sorted(run.folder.path.glob("*/manifest.json"))
        return {file.parent.name: file_hash(file) for file in manifests if file.parent.name != self.name}

    def outputs(self, run: Run) -> dict[str, str]:  # noqa: ARG002
        return {"report": "report.html"}

    def total(self, run: Run) -> int | None:  # noqa: ARG002
        return None

    def execute(self, run: Run, progress: StageProgress) -> dict[str, Any]:  # noqa: ARG002
        return {"bytes": write_report(run).stat().st_size}

    def plan(self, run: Run) -> list[str]:
        return [f"{run.folder / 'report.html'}"]


def write_report(run: Run) -> Path:
    """Write `report.html` of what the folder holds now, and say where."""
    from int_verl import report

    path = report.write_report(run.folder.path)
    run.console.print(f"report: {path}", highlight=False, soft_wrap=True)
    return path
