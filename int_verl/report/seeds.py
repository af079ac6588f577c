"""The same run with other seeds, from the folders beside it: what one training run more or less would change."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from int_verl.errors import UserError
from int_verl.evaluate import Cells
from int_verl.evaluate.seeds import mean_and_spread
from int_verl.evaluate.tables import HELDOUT
from int_verl.report.run_reader import RunReader
from int_verl.run_files import CONFIG, SCORES

MOST = 100
"Folders beside the run that are looked at."
_OF_A_RUN = ("run.name", "run.seed", "run.dir", "run.date")
_COMPARED = ("InT SFT + RL", "base + RL")

PassAt1 = dict[str, float]
"Model -> held-out pass@1."


def other_seeds(folder: RunReader) -> dict[str, PassAt1]:
    """Seed -> pass@1 of its models, this run's first; only it where no other run has its settings."""
    ours = folder.settings
    found = {ours.get("run.seed", "0"): pass_at_1(folder)}
    for place in _beside(folder.path):
        try:
            other = RunReader(place)
        except UserError:
            continue
        seed = other.settings.get("run.seed", "0")
        if seed not in found and _alike(other.settings) == _alike(ours) and (scores := pass_at_1(other)):
            found[seed] = scores
    return found


def _beside(path: Path) -> list[Path]:
    own = path.resolve()
    try:
        places = sorted(place for place in own.parent.iterdir() if not place.is_symlink())[:MOST]
        return [place for place in places if place != own and all((place / f).is_file() for f in (CONFIG, SCORES))]
    except OSError:
        return []


def _alike(settings: dict[str, str]) -> dict[str, str]:
    """What two seeds of one run have in common: paths may hold the run's name."""
    name = settings.get("run.name", "")
    return {
        key: value.replace(f"/{name}/", "/*/") if name else value
        for key, value in settings.items()
        if key not in _OF_A_RUN
    }


def pass_at_1(folder: RunReader) -> PassAt1:
    """Held-out pass@1 of every model that a run has evaluated."""
    shares: dict[str, list[float]] = defaultdict(list)
    for row in folder.rows(SCORES, ["model", "problem_set", "samples", "correct"]):
        if row["problem_set"] == HELDOUT and row["samples"]:
            shares[row["model"]].append(row["correct"] / row["samples"])
    return {model: sum(values) / len(values) for model, values in shares.items()}


def seed_cells(seeds: dict[str, PassAt1]) -> Cells | None:
    """Seeds side by side; None where there is one alone."""
    if len(seeds) < 2:
        return None
    names = sorted(seeds, key=lambda seed: (len(seed), seed))
    models = list(dict.fromkeys(model for scores in seeds.values() for model in scores))
    rows = [_row(model, [seeds[name].get(model) for name in names], "%") for model in models]
    ours, theirs = ([seeds[name].get(model) for name in names] for model in _COMPARED)
    gains = [None if a is None or b is None else a - b for a, b in zip(ours, theirs, strict=True)]
    if any(gain is not None for gain in gains):
        rows.append(_row(" minus ".join(_COMPARED), gains, "points"))
    heads = ["held-out pass@1", *(f"seed {name}" for name in names), "mean ± deviation", "lowest to highest"]
    note = "Runs beside this one with the same settings but for their seed."
    return Cells("Seeds side by side", heads, rows, [note])


def _row(name: str, values: Iterable[float | None], unit: str) -> list[str]:
    values, sign = list(values), "+" if unit == "points" else ""
    known = [value * 100 for value in values if value is not None]
    if not known:
        return [name, *["-"] * (len(values) + 2)]
    cells = ["-" if value is None else f"{value * 100:{sign}.1f} {unit}" for value in values]
    mean = mean_and_spread(dict(enumerate(known)), digits=1)
    return [name, *cells, f"{mean} {unit}", f"{min(known):{sign}.1f} to {max(known):{sign}.1f} {unit}"]
