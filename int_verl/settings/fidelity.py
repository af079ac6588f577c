"""What `fidelity=released` sets: where the released scripts differ from the paper or from us, and a setting can say it.

github.com/intervention-training/int, and for RL the fork of PipelineRL that it names; docs/paper-to-code.md has the
source of every value, and what no setting can undo.
"""

from __future__ import annotations

from typing import Any, Literal, get_args

from omegaconf import DictConfig, OmegaConf

from int_verl.errors import UserError
from int_verl.settings.generation import Outcome

Fidelity = Literal["paper", "released"]

PRESETS: dict[Fidelity, dict[str, Any]] = {
    "paper": {},
    "released": {
        "prompts.solve": "math/bare",
        "propose.outcomes": list(get_args(Outcome)),
        "propose.leak_test": "substring",
        "propose.use": "first",
        "propose.after_first_error": "keep",
        "propose.max_content_tokens": 32_768,
        "guide.separator": "",
        "sft.weight_decay": 0.0,
        "sft.ending_problems": 0,
        "rl.problems": "with_intervention",
        "rl.temperature": 0.8,
        "rl.loss": "truncated",
        "rl.entropy_bonus": 1e-4,
        "rl.max_grad_norm": 0.3,
        "eval.samples": 128,
        "eval.temperature": 0.7,
        "eval.top_p": 0.8,
        "eval.top_k": 20,
    },
}
"Name -> dotted key -> value."


def lay(config: DictConfig, name: Any) -> None:
    """Set what a preset sets.

    Raises:
        UserError: there is no such preset.
    """
    if name not in list(PRESETS):  # whatever kind of value it is
        raise UserError(f"fidelity={name}: expected {' or '.join(PRESETS)}")
    for key, value in PRESETS[name].items():
        OmegaConf.update(config, key, value)


def described(name: Fidelity, config: DictConfig) -> list[str]:
    """Of a preset, what holds of it and what is said otherwise, a line each; nothing of one that sets nothing."""
    values = {key: (wanted, OmegaConf.select(config, key)) for key, wanted in PRESETS[name].items()}
    holds = [f"{key}={_written(wanted)}" for key, (wanted, found) in values.items() if wanted == found]
    other = [f"{key}={_written(found)}" for key, (wanted, found) in values.items() if wanted != found]
    lines = [f"fidelity={name}: {', '.join(holds) or 'nothing of it holds'}"] if values else []
    return lines + ([f"  said otherwise: {', '.join(other)}"] if other else [])


def _written(value: Any) -> str:
    return "[" + ",".join(map(str, value)) + "]" if isinstance(value, list) else "''" if value == "" else str(value)
