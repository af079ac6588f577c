"""What conversations ask of a run's settings, and the environment that a run's conversations are held with."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from int_verl.errors import UserError
from int_verl.files import text_hash
from int_verl.generate.conversations.converse import Conversing
from int_verl.generate.conversations.partner import Partner, environment_version
from int_verl.generate.journal import Journal
from int_verl.generate.prompts import Prompts
from int_verl.settings.generation import WITH_HINT, GeneratorSettings
from int_verl.settings.sections import Settings
from int_verl.settings.turns import TurnsSettings


@contextmanager
def conversing_with(turns: TurnsSettings, prompts: Prompts, journal: Journal) -> Iterator[Conversing | None]:
    """Conversations with the environment that the settings name, as long as it is held; None without one.

    Raises:
        UserError: the environment cannot be made.
    """
    if turns.environment is None:
        yield None
        return
    with Partner(turns, journal) as partner:
        yield Conversing(partner, turns, prompts)


def conversations_version(turns: TurnsSettings) -> dict[str, str]:
    """A hash of what conversations depend on, as an input of a stage; nothing without an environment."""
    if turns.environment is None:
        return {}
    about = [turns.max_turns, turns.turn_tokens, turns.success, turns.hidden, turns.told_as]
    return {"environment": text_hash(json.dumps([environment_version(turns), *about]))}


def check_conversations(turns: TurnsSettings, settings: GeneratorSettings, prompts: Prompts) -> None:
    """Refuse generator settings that mean nothing in a conversation.

    Raises:
        UserError: naming the setting.
    """
    with_environment = f"turns.environment={turns.environment}"
    if settings.sample.attempts_from:
        raise UserError(
            f"sample.attempts_from with {with_environment}: conversations are held, not given; leave it out"
        )
    if hinted := [control for control in settings.guide.controls if control in WITH_HINT]:
        raise UserError(f"guide.controls has {hinted[0]}, which {with_environment} has not: a case has no hints")
    if settings.sample.thinking != "all":
        raise UserError(f"sample.thinking={settings.sample.thinking} with {with_environment}: leave it at all")
    if "heard" not in prompts.verify_prompt.uses:
        raise UserError(
            f"prompts.verify={prompts.verify_prompt.name}: never says {{{{ heard }}}}, what the partner said; with "
            f"{with_environment} set prompts.verify=turns/verify, prompts.guided_solution=turns/guided_plan and "
            "prompts.solve=turns/act, or templates of your own"
        )


_NOT_YET = ("ending", "rl", "rl_baseline", "eval")
"Stages that ask for answers in one piece."


def check_schedule(settings: Settings, stages: Sequence[str]) -> None:
    """Refuse stages, and settings of theirs, that mean nothing for conversations.

    Raises:
        UserError: naming the setting, or the stage.
    """
    with_environment = f"turns.environment={settings.turns.environment}"
    if "sft" in stages and settings.sft.suffix:
        raise UserError(f"sft.suffix=true with {with_environment}: a conversation's rows have no suffix; set it false")
    if settings.sft_data.is_made and "sft_data" in stages:
        raise UserError(f"sft_data with {with_environment}: conversations are trained on as they are; leave it out")
    if found := [stage for stage in stages if stage in _NOT_YET]:
        raise UserError(
            f"{with_environment}: {found[0]} is not there for conversations; run sft, and RL by verl's own command "
            "with the agent loop int_turns (docs/turns.md)"
        )
