"""The report as the last stage of the schedule."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from int_verl.console import SafeConsole
from int_verl.files import file_hash
from int_verl.progress import StageProgress
from int_verl.report import write_report
from int_verl.run.folder import RunFolder
from int_verl.run.stage import Stage
from int_verl.run_files import REPORT, REPORT_JSON, REPORT_TEXT


@dataclass(frozen=True)
class ReportStage(Stage):
    """Tables, curves and rows of the run as one HTML page, as text and as JSON."""

    folder: RunFolder
    console: SafeConsole

    name = "report"
    does = "tables, curves and rows as one HTML page, as text and as JSON"
    reads = ()  # of an unfinished run it shows what there is
    depends_on = ("run.name",)

    def inputs(self) -> dict[str, str]:
        manifests = sorted(self.folder.path.glob("*/manifest.json"))
        return {file.parent.name: file_hash(file) for file in manifests if file.parent.name != self.name}

    def outputs(self) -> dict[str, str]:
        return {"report": REPORT, "text": REPORT_TEXT, "json": REPORT_JSON}

    def execute(self, progress: StageProgress) -> dict[str, dict[str, Any]]:  # noqa: ARG002
        return {self.name: {"bytes": self.write().stat().st_size}}

    def plan(self) -> list[str]:
        return [f"{self.folder / REPORT}"]

    def write(self) -> Path:
        """Write the report of what the folder holds now, and say where."""
        path = write_report(self.folder.path)
        self.console.print(f"report: {path}", soft_wrap=True)
        return path
