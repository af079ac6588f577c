"""All parts' results as one table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def markdown(parts: Iterable[str], results: Mapping[str, Mapping[str, Any]]) -> str:
    """The machine, and three tables: the parts, their checks, their figures.

    Args:
        results: part -> how it ended (`run_gpu_check.run_part`), for those that have been begun.
    """
    machines: dict[str, list[str]] = {}
    for part, result in results.items():
        machines.setdefault(result["on"], []).append(part)
    lines = [f"{', '.join(ran)}: on {machine}\n" for machine, ran in machines.items()]
    lines += ["| part | how it ended | seconds |", "|---|---|---|"]
    for part in parts:
        found = results.get(part)
        lines.append(_row(part, *((found["ended"], f"{found['seconds']:.0f}") if found else ("not begun", ""))))
    lines += ["", "| part | check | | |", "|---|---|---|---|"]
    for part in results:
        for check in results[part]["checks"]:
            lines.append(_row(part, check["name"], "ok" if check["ok"] else "FAIL", check["detail"]))
    lines += ["", "| part | figure | |", "|---|---|---|"]
    lines += [_row(part, *figure) for part in results for figure in results[part]["figures"].items()]
    return "\n".join(lines) + "\n"


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def all_is_well(parts: Iterable[str], results: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether every part has come to its end, and every check holds."""
    found = [results.get(part) for part in parts]
    return all(result and result["ended"] == "done" and all(c["ok"] for c in result["checks"]) for result in found)
