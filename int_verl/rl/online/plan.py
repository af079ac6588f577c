"""What the agent loop `int_online` is told, in its entry of verl's registry of agent loops."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, is_dataclass
from functools import cached_property, lru_cache
from typing import Any, get_args, get_type_hints

from int_verl.errors import UserError
from int_verl.generate.prompts import Prompts, load_prompts
from int_verl.settings.generation import ProposeSettings, StepRule, ThinkingRule
from int_verl.settings.inputs import PromptSettings
from int_verl.settings.online import OnlineSettings

AGENT = "int_online"


@dataclass(frozen=True)
class Plan:
    """Every setting that an intervention depends on; read anew for every rollout, made once a process.

    Example: ``Plan.read({"online": {"waves": [2]}, "propose": {"two_turns": False}})``
    """

    online: OnlineSettings = field(default_factory=OnlineSettings)
    propose: ProposeSettings = field(default_factory=ProposeSettings)
    steps_by: StepRule = "blank_line"
    thinking: ThinkingRule = "all"
    prompts: PromptSettings = field(default_factory=PromptSettings)
    date: str | None = None
    "What a chat template that prints today's date prints."
    keep_texts: bool = False
    "Whether every rollout carries what was written for it, to be dumped."

    def written(self) -> dict[str, Any]:
        """As plain values: ``Plan.read(plan.written()) == plan``."""
        return asdict(self)

    def registry(self) -> list[dict[str, Any]]:
        """verl's registry of agent loops with this plan in it (`rollout.agent.agent_loop_config_path`)."""
        return [
            {"name": "int_prefix", "_target_": "int_verl.rl.agent_loop.PrefixAgentLoop"},
            {"name": AGENT, "_target_": "int_verl.rl.online.loop.OnlineAgentLoop", "plan": self.written()},
        ]

    @staticmethod
    def read(values: Mapping[str, Any]) -> Plan:
        """From an entry of the registry.

        Raises:
            UserError: a key or a value that a setting cannot have.
        """
        return _read(json.dumps(values, sort_keys=True))

    @cached_property
    def templates(self) -> Prompts:
        """The generator's prompts."""
        named = self.prompts
        return load_prompts(named.solve, named.guided_solution, named.verify, named.hint)


@lru_cache(maxsize=8)
def _read(written: str) -> Plan:
    from pydantic import TypeAdapter, ValidationError

    values = json.loads(written)
    _check_keys(values, Plan, "plan")
    try:
        return TypeAdapter(Plan).validate_python(values)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(["plan", *map(str, first["loc"])])
        raise UserError(f"{AGENT}: {key}={first.get('input')!r}: {first['msg'].lower()}") from error


def _check_keys(values: Mapping[str, Any], kind: Any, prefix: str) -> None:
    """pydantic passes over what a nested dataclass does not know."""
    kinds = get_type_hints(kind)
    for key, value in values.items():
        if key not in kinds:
            raise UserError(f"{AGENT}: {prefix}.{key}: no such key; it has {', '.join(kinds)}")
        choices = (kinds[key], *get_args(kinds[key]))
        below = next((choice for choice in choices if is_dataclass(choice)), None)
        if below is not None and isinstance(value, Mapping):
            _check_keys(value, below, f"{prefix}.{key}")
