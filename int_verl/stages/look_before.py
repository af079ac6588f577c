"""What is found before a run begins: shown of a plan, and refused by the run; both have one list (`readiness.py`)."""

from __future__ import annotations

from collections.abc import Sequence

from int_verl.doctor import Check
from int_verl.errors import UserError
from int_verl.run.run import Run
from int_verl.run.stage import Stage
from int_verl.stages.readiness import checks_before


def show_checks(run: Run, stages: Sequence[Stage]) -> None:
    """Print what the run would find before its first stage, and what cannot be told from here.

    Raises:
        UserError: the run would be refused.
    """
    found = list(checks_before(run, stages, download=False))
    _show_readings(run, stages)
    passed = [check.name for check in found if check.ok and check.is_certain]
    if passed:
        run.console.print(f"Checked, as the run does before its first request: {', '.join(passed)}.", soft_wrap=True)
    for check in found:
        if not check.ok and check.is_certain:
            run.console.print(f"  FAIL {check}", soft_wrap=True)
        elif not check.is_certain:
            run.console.print(f"  {_why_unsure(check)} {check}", soft_wrap=True)
    _refuse(found)


def look_before(run: Run, stages: Sequence[Stage]) -> None:
    """Refuse a run that could only fail later, and say what may become of one that goes on.

    Raises:
        UserError: naming what is wrong first, and what to do.
    """
    _show_readings(run, stages)
    for check in checks_before(run, stages, download=True):
        if not check.ok and not check.is_certain:
            run.console.print(f"! {check}", style="yellow", soft_wrap=True)
        _refuse([check])


def _show_readings(run: Run, stages: Sequence[Stage]) -> None:
    if any(stage.name != "report" for stage in stages):
        for sentence in run.problems.readings():
            run.console.print(sentence, soft_wrap=True)


def _why_unsure(check: Check) -> str:
    return "NOT CHECKED" if check.ok else "DOUBTFUL"


def _refuse(found: Sequence[Check]) -> None:
    wrong = [check for check in found if not check.ok and check.is_certain]
    if wrong:
        more = f" (and {len(wrong) - 1} more: {', '.join(check.name for check in wrong[1:])})" if wrong[1:] else ""
        raise UserError(f"{wrong[0]}{more}")
