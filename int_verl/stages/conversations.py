"""What conversations ask of a run's settings, and the environment that a run's conversations are held with."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from int_verl.errors import UserError
from int_verl.files import text_hash
from int_verl.generate.conversations.converse import Conversing
from int_verl.generate.conversations.partner import Partner, environment_settings, environment_version
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


def turns_registry(turns: TurnsSettings) -> list[dict[str, Any]]:
    """verl's registry of agent loops with `int_turns` as the settings have it."""
    loop = {"name": "int_turns", "_target_": "int_verl.rl.turns_loop.TurnsAgentLoop"}
    ends = {"max_turns": turns.max_turns, "turn_tokens": turns.turn_tokens, "success": turns.success}
    return [loop | {"environment": asdict(environment_settings(turns)), **ends}]


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
    if "ending" in stages:
        raise UserError(f"{with_environment}: ending asks for answers in one piece; leave it out")
    if {"rl", "rl_baseline"} & set(stages):
        rl = settings.rl
        for meant, setting in ((rl.online.enabled, "rl.online.enabled=true"), (rl.hint_share, "rl.hint_share")):
            if meant:
                raise UserError(f"{setting} with {with_environment}: it is for answers in one piece; leave it out")
    if "eval" in stages:
        _check_evaluation(settings, with_environment)


def _check_evaluation(settings: Settings, with_environment: str) -> None:
    """All samples of conversations are RL's own validations."""
    rl = settings.rl
    for is_so, setting in (
        (settings.baseline.rl, "baseline.rl=true"),
        (rl.val_before_train, "rl.val_before_train=true"),
        (rl.export == "last", "rl.export=last"),
        (rl.val_samples == settings.eval.samples, f"rl.val_samples={settings.eval.samples}, as eval.samples,"),
    ):
        if not is_so:
            raise UserError(
                f"eval with {with_environment}: every model's conversations are those of RL's validations; set "
                f"{setting} or leave eval out"
            )
