"""`int-verl status`: how a run is, while it goes and after it ended or died."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
from rich.text import Text

_SECONDS_BETWEEN_LOOKS = 2.0


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), metavar="RUN_FOLDER")
@click.option("--json", "as_json", is_flag=True, help="Print all that is known as one JSON object.")
@click.option("--watch", is_flag=True, help="Go on looking, until the run ends; Ctrl-C ends the looking alone.")
def status(folder: Path, as_json: bool, watch: bool) -> None:
    """How a run is: its stages, what the one at work does, how fast, how long still, and what goes wrong.

    Asks nothing of the run and disturbs nothing; works from any shell that sees the folder, also after the run died.
    """
    from rich.live import Live

    from int_verl.console import standard_output
    from int_verl.run.condition import condition
    from int_verl.stages.assemble import NAMES

    console = standard_output()
    found = condition(folder, NAMES)
    if as_json:
        click.echo(json.dumps(found, indent=1))
        return
    if not (watch and console.is_terminal):
        console.print(shown(found))
    if not watch:
        return
    with Live(shown(found), console=console, auto_refresh=False) as live:
        while found["condition"] == "at work":
            time.sleep(_SECONDS_BETWEEN_LOOKS)
            found = condition(folder, NAMES)
            live.update(shown(found), refresh=True)


def shown(found: Mapping[str, Any]) -> Text:
    """The lines of a condition."""
    return Text("\n").join(_lines(found))


def _lines(found: Mapping[str, Any]) -> Iterator[Text]:
    work, state = found["work"], found["condition"]
    yield Text.assemble((found["folder"], "bold"), f": {_sentence(state, work)}")
    for stage in found["stages"]:
        if not (state == "at work" and work and stage["stage"] == work["stage"]):
            done = stage["status"] == "done"
            yield Text.assemble(("  ✓ ", "green") if done else ("  … ", "yellow"), _stage(stage, done))
    if work and state != "ended":
        yield from _work(work)


def _sentence(state: str, work: Mapping[str, Any] | None) -> str:
    if state == "at work":
        return f"at work; last sign of life {work['silent']:.0f} s ago" if work else "at work, just begun"
    if state == "died" and work:
        return f"died in {_busiest(work)}, {_duration(work['silent'])} ago; the same command goes on from there"
    if state == "stopped" and work:
        return (
            f"stopped in {_busiest(work)}, {_duration(work['silent'])} ago: {work['ended']}; the same command goes on"
        )
    return {"ended": "ended", "not begun": "not begun"}.get(state, state)


def _stage(stage: Mapping[str, Any], done: bool) -> str:
    return f"{stage['stage']}: done, {stage['seconds']:.0f} s" if done else f"{stage['stage']}: not done"


def _busiest(work: Mapping[str, Any]) -> str:
    """The stage that most requests in flight are for; where none is, all that are made at once."""
    return next(iter(work.get("in_flight", ())), "") or _made(work)


def _made(work: Mapping[str, Any]) -> str:
    stages = work.get("stages") or [work["stage"]]
    return " to ".join(dict.fromkeys((stages[0], stages[-1])))


def _work(work: Mapping[str, Any]) -> Iterator[Text]:
    of = f"/{work['total']:,}" if work["total"] is not None else ""
    left = f", about {_duration(work['left'])} left" if work.get("left") else ""
    yield Text.assemble(("  ▸ ", "bold"), f"{_made(work)}: {work['position']:,}{of}{left}")
    if work.get("note"):
        yield Text(f"      {work['note']}")
    if work.get("counts"):
        yield Text("      so far    " + ", ".join(f"{name} {number:,}" for name, number in work["counts"].items()))
    if requests := work.get("requests"):
        yield Text("      requests  " + ", ".join(f"{name} {number:,}" for name, number in requests.items()))
    if in_flight := work.get("in_flight"):
        yield Text("      in flight " + ", ".join(f"{stage} {number:,}" for stage, number in in_flight.items()))
    if tokens := work["rates"].get("tokens"):
        total = work["totals"]["tokens"]
        yield Text(
            f"      tokens    {tokens['now']:,.0f}/s now, {tokens['average']:,.0f}/s on average, {total:,} in all"
        )
    if reopened := work.get("reopened"):
        yield Text(f"      engine    died and was opened again: {reopened}")
    for server in work.get("servers", ()):
        health = "well" if server["well"] else f"not well: {server['fault']}"
        yield Text(f"      server    {server['url']}: {health}, {server['in_flight']} in flight")
    for words, number in work.get("lost", {}).items():
        yield Text(f"      lost      {number:,}: {words}")
    if work.get("last_fault"):
        yield Text(f"      last fault  {work['last_fault']}")


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
