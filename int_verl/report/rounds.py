"""The rounds of a run side by side: what each found and kept, and what it gained."""

from __future__ import annotations

from collections.abc import Iterator

from int_verl.evaluate import Cells
from int_verl.report.run_reader import RunReader
from int_verl.report.seeds import pass_at_1
from int_verl.run_files import ATTEMPTS, CONFIG, INTERVENTIONS, PROPOSALS, round_folder

_MODELS = ("base", "InT SFT", "InT SFT + RL")
_HEADS = [
    *("round", "problems", "not solved by any attempt", "attempts", "proposals", "accepted", "kept"),
    *("pass@1 before", "after SFT", "after RL", "gain"),
]


def rounds_cells(folder: RunReader) -> Cells | None:
    """A row a round, with what there is of it so far; None where there is one alone."""
    rounds = list(_rounds(folder))
    if len(rounds) < 2:
        return None
    rows = [_row(number, of_round) for number, of_round in enumerate(rounds, 1)]
    note = "pass@1 on the held-out problems; a round's model before is the one that the round above has trained."
    return Cells("Rounds", _HEADS, rows, [note])


def _rounds(folder: RunReader) -> Iterator[RunReader]:
    number = 1
    while (place := round_folder(folder.path, number)).is_dir() and (number == 1 or (place / CONFIG).is_file()):
        yield folder if number == 1 else RunReader(place, folder.remarks)
        number += 1


def _row(number: int, folder: RunReader) -> list[str]:
    solved: dict[str, bool] = {}
    attempts = 0
    for row in folder.rows(ATTEMPTS, ["problem_id", "correct"]):
        attempts += 1
        solved[row["problem_id"]] = solved.get(row["problem_id"], False) or row["correct"]
    statuses = [row["status"] for row in folder.rows(PROPOSALS, ["status"])]
    kept = [row["kept"] for row in folder.rows(INTERVENTIONS, ["kept"])]
    counts = (
        len(solved),
        len(solved) - sum(solved.values()),
        attempts,
        len(statuses),
        statuses.count("proposed"),
        sum(kept),
    )
    scores = pass_at_1(folder)
    found = [scores.get(model) for model in _MODELS]
    gain = "-" if found[0] is None or found[-1] is None else f"{100 * (found[-1] - found[0]):+.1f} points"
    shown = ["-" if score is None else f"{100 * score:.1f} %" for score in found]
    return [str(number), *(f"{count:,}" for count in counts), *shown, gain]
