"""The schedule again and again, each round from the model that the one before has trained (`rounds`)."""

from __future__ import annotations

from pathlib import Path

from int_verl.errors import UserError
from int_verl.run_files import round_folder
from int_verl.settings.sections import Settings


def check_rounds(settings: Settings) -> None:
    """Refuses, with a UserError, what a second round could not do."""
    if settings.rounds == 1:
        return
    if settings.run.shard is not None:
        raise UserError(f"rounds={settings.rounds} with run.shard={settings.run.shard}: a round ends with RL, which "
                        "needs all problems; merge the shards first")  # fmt: skip
    if settings.engine.name != "verl":
        raise UserError(
            f"rounds={settings.rounds} with engine.name={settings.engine.name}: only verl's own servers can have the "
            "model that a round has trained; set engine.name=verl"
        )


def round_overrides(settings: Settings, number: int) -> list[str]:
    """What a round after the first has otherwise, as `key=value`: the model, its own attempts, and what is left.

    Interventions and RL are for the problems that no attempt of the new policy solves.
    """
    folder = Path(settings.run.dir)
    found = [
        "rounds=1",
        f"run.name={settings.run.name}-round-{number}",
        f"run.dir={round_folder(folder, number)}",
        f"model.path={round_folder(folder, number - 1) / 'rl' / 'model'}",
        "sample.attempts_from=null",
        "propose.interventions_from=null",
        "propose.only_unsolved=true",
        "baseline.rl=false",
    ]
    return [*found, "rl.problems=unsolved"] if settings.rl.problems == "all" else found
