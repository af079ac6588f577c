"""The engine that the settings ask for, behind a journal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from int_verl.errors import UserError
from int_verl.generate.chat import ChatCodec
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
    say: Callable[[str], None],
) -> JournaledEngine:
    """A new engine behind a journal; it starts at the first request that is not in there.

    Args:
        max_tokens: the fewest and the most tokens that a request may ask for.
        say: called with what the user should know of the engine.

    Raises:
        UserError: the model is not there, the settings name no such script or server, or verl is not installed.
    """
    engine: Engine
    revision = model.revision
    if settings.name == "scripted":
        engine = scripted_engine(settings, lambda: model.codec)
    elif settings.name == "openai":
        from int_verl.generate.engines.chat_form import chat_forms
        from int_verl.generate.engines.ids_form import IdsForm
        from int_verl.generate.engines.openai import Form, OpenAIEngine
        from int_verl.generate.engines.text_form import CAVEAT, TextForm

        forms: tuple[Form, ...] = (IdsForm(),)
        if settings.tokens == "text":
            forms = TextForm(model.codec), *chat_forms(model.codec)
            say(CAVEAT)
            # Without the drawn tokens a completion is another draw: neither form replays what the other drew.
            revision = f"{revision} as text"
        engine = OpenAIEngine(settings, model.name, model.context_length, forms, say)
    else:
        from int_verl.doctor import require_verl
        from int_verl.generate.engines.verl import VerlEngine

        require_verl()
        fewest, most = max_tokens
        # Any prompt and completion that fit together, not only the longest of each side by side.
        length = model.context_length
        engine = VerlEngine(model.folder, settings, length - fewest, most, platform, max_model_len=length)
    return JournaledEngine(engine, journal, revision, settings, say)


def scripted_engine(settings: EngineSettings, codec: Callable[[], ChatCodec] | None = None) -> Engine:
    """A Python function in the place of a model.

    Args:
        codec: of the model, for functions that answer in text.

    Raises:
        UserError: there is no such function.
    """
    from int_verl.generate.engines.scripted import ScriptedEngine, load_script

    if settings.script is None:
        raise UserError("engine.script is not set; engine.name=scripted needs path/to/file.py:function")
    return ScriptedEngine(load_script(settings.script), settings.delay, codec)
