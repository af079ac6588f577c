"""All settings: the sections in their order, and the tree of defaults that is made of them.

To add a setting, add a field with its bound and default to its section's class, and a sentence under it: the
configuration, the checks and `int-verl settings` follow.
"""

from __future__ import annotations

from dataclasses import MISSING, Field, asdict, dataclass, fields, is_dataclass
from typing import Any, Literal, get_type_hints

from int_verl.settings.engine import EngineSettings, ProposerSettings
from int_verl.settings.evaluation import EvalSettings, GraderSettings
from int_verl.settings.fidelity import Fidelity
from int_verl.settings.generation import (
    EstimateSettings,
    GuideSettings,
    ProposeSettings,
    SampleSettings,
    SelectSettings,
    StepSettings,
)
from int_verl.settings.inputs import ModelSettings, ProblemSettings, PromptSettings, RunSettings
from int_verl.settings.ranges import PositiveInt
from int_verl.settings.sampling import SHARED_SAMPLING, Sampling
from int_verl.settings.training import BaselineSettings, RLSettings, SFTDataSettings, SFTSettings
from int_verl.settings.turns import TurnsSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The schedule: sample, propose, guide, sft, rl, eval, report. `int-verl run key=value ...` overrides any key.
    Defaults are the paper's settings (arXiv 2601.14209); docs/paper-to-code.md maps them.
    """

    run: RunSettings
    fidelity: Fidelity = "paper"
    """paper: what the settings say. released: as the released scripts have it, where they differ from the paper or from
    us; `int-verl settings fidelity` lists what that sets, and any of it can be said otherwise."""
    rounds: PositiveInt = 1
    """Of `int-verl run`: so many times the schedule, each from the model that the one before has trained, with its own
    interventions on the problems that this model does not solve (docs/rounds.md)."""
    platform: Literal["auto", "cpu", "gpu"] = "auto"
    "auto, cpu or gpu. auto: gpu where an NVIDIA device is present."
    model: ModelSettings
    problems: ProblemSettings
    prompts: PromptSettings
    engine: EngineSettings
    proposer: ProposerSettings
    """Another model, or a program, that writes the guided solutions and the verifications; its interventions are text,
    so its tokenizer may be another."""
    grader: GraderSettings
    sampling: Sampling = SHARED_SAMPLING
    "Used by every generator stage unless the stage says otherwise."
    steps: StepSettings
    turns: TurnsSettings
    "Conversations with an environment in the place of problems and solutions."
    sample: SampleSettings
    propose: ProposeSettings
    guide: GuideSettings
    select: SelectSettings
    sft_data: SFTDataSettings
    "What SFT trains on in the place of the kept interventions, one row for each of them: baselines and an ablation."
    sft: SFTSettings
    rl: RLSettings
    baseline: BaselineSettings
    eval: EvalSettings
    estimate: EstimateSettings
    "What --dry-run counts with."

    @property
    def evaluated_tokens(self) -> int:
        """New tokens a sample at most, of `int-verl eval` on problem sets of its own."""
        return self.eval.max_tokens or self.rl.max_response_length


KINDS: dict[str, Any] = get_type_hints(Settings)
"The class of each section, in their order; `fidelity` and `platform` are values."


def defaults() -> dict[str, Any]:
    """Every setting's default: `???` where the user has to say, `${sampling...}` where a stage samples as all do."""
    tree: dict[str, Any] = {}
    for section in fields(Settings):
        if section.default is MISSING:
            tree[section.name] = {setting.name: _default(setting) for setting in fields(KINDS[section.name])}
        else:
            tree[section.name] = section.default
    return tree | {"sampling": asdict(SHARED_SAMPLING)}


def _default(setting: Field[Any]) -> Any:
    if setting.default_factory is not MISSING:
        made = setting.default_factory()
        return {key.name: _default(key) for key in fields(made)} if is_dataclass(made) else made
    if setting.default is SHARED_SAMPLING:
        return {key.name: f"${{sampling.{key.name}}}" for key in fields(Sampling)}
    return "???" if setting.default is MISSING else setting.default
