"""The engine that the settings ask for, behind a journal."""

from __future__ import annotations

import os
from typing import Literal

from int_verl.errors import UserError
from int_verl.generate.engines.base import Engine
from int_verl.generate.engines.journaled import JournaledEngine
from int_verl.generate.journal import Journal
from int_verl.generate.model import LocalModel
from int_verl.settings.engine import EngineSettings


def make_engine(
    settings: EngineSettings,
    model: LocalModel,
    max_tokens: tuple[int, int],
    platform: Literal["cpu", "gpu"],
    journal: Journal,
) -> JournaledEngine:
    """A new engine behind a journal; it starts at the first request that is not in there.

    Args:
        max_tokens: the fewest and the most tokens that a request may ask for.

    Raises:
        UserError: the model is not there, the settings name no such script or server, or verl is not installed.
    """
    if settings.name == "scripted":
        engine = scripted_engine(settings)
    elif settings.name == "openai":
        engine = _openai_engine(settings, model)
    else:
        engine = _verl_engine(settings, model, max_tokens, platform)
    return JournaledEngine(
        engine,
        journal,
        model.revision,
        settings.in_flight,
        ordering=settings.ordering,
        timeout=settings.timeout,
        retries=settings.retries,
    )


def scripted_engine(settings: EngineSettings) -> Engine:
    """A Python function in the place of a model.

    Raises:
        UserError: there is no such function.
    """
    from int_verl.generate.engines.scripted import ScriptedEngine, load_script

    if settings.script is None:
        raise UserError("engine.script is not set; engine.name=scripted needs path/to/file.py:function")
    return ScriptedEngine(load_script(settings.script), settings.delay)


def _openai_engine(settings: EngineSettings, model: LocalModel) -> Engine:
    from int_verl.generate.engines.openai import OpenAIEngine

    urls = settings.base_urls
    if not urls or len(set(urls)) < len(urls):
        raise UserError(
            f"engine.base_urls={list(urls)}: engine.name=openai needs one or more URLs, no two alike, such as "
            "[http://node1:8000/v1]"
        )
    api_key = None
    if settings.api_key_env is not None:
        api_key = os.environ.get(settings.api_key_env)
        if not api_key:
            raise UserError(f"engine.api_key_env={settings.api_key_env}: this environment variable is not set")
    return OpenAIEngine(
        urls,
        settings.model or model.name,
        context_length=model.context_length,
        api_key=api_key,
        api_key_env=settings.api_key_env,
        concurrency=settings.concurrency or -(-settings.in_flight // len(urls)),
        give_up_after=settings.give_up_after,
    )


def _verl_engine(
    settings: EngineSettings, model: LocalModel, max_tokens: tuple[int, int], platform: Literal["cpu", "gpu"]
) -> Engine:
    from int_verl.doctor import require_verl
    from int_verl.generate.engines.verl import VerlEngine

    require_verl()
    fewest, most = max_tokens
    return VerlEngine(
        model.folder,
        prompt_length=model.context_length - fewest,
        response_length=most,
        platform=platform,
        nnodes=settings.nnodes,
        gpus_per_node=settings.gpus_per_node,
        tensor_parallel=settings.tensor_parallel,
        gpu_memory_utilization=settings.gpu_memory_utilization if platform == "gpu" else None,
        # Any prompt and completion that fit together, not only the longest of each side by side.
        overrides=(f"actor_rollout_ref.rollout.max_model_len={model.context_length}", *settings.overrides),
    )
