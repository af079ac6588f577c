"""The HTML report of a run: one file, no network."""

from int_verl.report.page import write_report

__all__ = ["write_report"]
