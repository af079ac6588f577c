"""What is trained on and how: the sections `sft_data`, `sft`, `rl` and `baseline`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from int_verl.settings.online import OnlineSettings
from int_verl.settings.ranges import (
    Count,
    GroupSize,
    Name,
    NotNegative,
    PositiveFloat,
    PositiveInt,
    PositiveShare,
    Share,
)
from int_verl.settings.sampling import SHARED_SAMPLING, Sampling


@dataclass(frozen=True, slots=True)
class SFTDataSettings:
    kind: Literal[
        "interventions", "reference", "self_reflection", "verifications", "interventions_and_verifications"
    ] = "interventions"
    """interventions (the paper's), reference (the reference solution), self_reflection (the attempt rewritten as a
    whole), verifications (the verification that an intervention came from, so that the model learns to propose), or
    both, a row each."""
    location_shift: int = 0
    "Cut the attempt so many steps later than at the intervention's location; negative: earlier."
    sampling: Sampling = SHARED_SAMPLING
    "Of the rewritten attempts."

    @property
    def is_made(self) -> bool:
        """Whether SFT trains on something else than `guide/sft.parquet`."""
        return self.kind != "interventions" or self.location_shift != 0

    @property
    def has_verifications(self) -> bool:
        return self.kind in ("verifications", "interventions_and_verifications")


@dataclass(frozen=True, slots=True)
class SFTSettings:
    epochs: PositiveInt = 4
    batch_size: PositiveInt = 64
    learning_rate: PositiveFloat = 1e-6
    warmup_ratio: Share = 0.1
    min_lr_ratio: Share = 0.1
    "The cosine ends at this share of the rate."
    weight_decay: NotNegative = 0.01
    max_length: PositiveInt = 16_384
    "Tokens of a row at most; longer rows stop the run (overlong: error) or are left out (drop)."
    overlong: Literal["error", "drop"] = "error"
    loss_on: Literal["prefix_and_intervention", "intervention"] = "prefix_and_intervention"
    "prefix_and_intervention, or intervention (ablation)."
    suffix: bool = False
    "Train on each intervention's first correct guided rollout as well, to its end token (ablation)."
    ending_problems: Count = 64
    """Before RL, draw ending_samples answers to so many held-out problems from the base and from SFT's model, to see
    whether it still ends its answers; 0: do not look."""
    ending_samples: PositiveInt = 4
    max_truncation_rise: Share = 0.1
    "Stop before RL if the share of answers that do not end rose by more than this, and more than chance; 1: never."
    stall_minutes: PositiveFloat = 60.0
    "Stop, resumably, a trainer that has finished no step and said nothing new for so long."
    trust_checkpoint: bool = False
    "Resume from a checkpoint even if its pickles name more than data; verl runs what they name (docs/security.md)."
    keep_optimizer: bool = True
    """Keep Adam's state beside the finished model, 8 bytes a parameter a checkpoint. false: it is removed when SFT is
    done, and verl cannot train on from these checkpoints."""
    nnodes: PositiveInt = 1
    "SFT runs on the node of the command alone; more is refused (docs/scale.md)."
    gpus_per_node: PositiveInt = 1
    overrides: tuple[str, ...] = ()
    "More overrides for verl.trainer.sft_trainer, as in a verl command line."


@dataclass(frozen=True, slots=True)
class RLSettings:
    problems: Literal["all", "unsolved", "with_intervention"] = "all"
    """all: every training problem. unsolved: those that no attempt solved. with_intervention: those of the SFT rows
    (the paper's)."""
    hint_share: Share = 0.0
    """This share of these problems stands in the data a second time, with a hint in the prompt: the first steps of its
    reference solution, that fraction rounded up, and none that gives the answer away. Hints that do not fit into
    max_prompt_length are left out."""
    hint_fraction: PositiveShare = 0.5
    prefix: Literal["none", "intervention"] = "none"
    """intervention: problems with a kept intervention stand in the data a second time, continued from their guided
    prefix."""
    online: OnlineSettings = field(default_factory=OnlineSettings)
    reward_path: Name = "pkg://int_verl.reward_fns.math_answer"
    "path/to/file.py or pkg://module, the function's name, and more keyword arguments."
    reward_name: Name = "compute_score"
    reward_kwargs: dict[str, Any] = field(default_factory=dict)
    reward_guarded: bool = True
    """Call a function of your own in processes of its own, so that one that raises, hangs or crashes costs a call and
    not the run (docs/reward-functions.md); false: verl calls it as it is. Those of this package need no guard."""
    reward_keys: tuple[str, ...] = ()
    "Guarded: numbers in its dict, beside score and acc, that verl is to log in validation."
    reward_workers: PositiveInt = 4
    "Guarded: calls at a time of each of verl's reward workers, seconds that a call may take, and memory of a process."
    reward_timeout: PositiveFloat = 60.0
    reward_memory_gb: PositiveFloat | None = 4.0
    total_steps: PositiveInt = 400
    prompts_per_step: PositiveInt = 32
    rollouts: GroupSize = 8
    mini_batch: PositiveInt = 16
    "Prompts of one optimizer step."
    learning_rate: PositiveFloat = 1e-6
    loss: Literal["clipped", "truncated"] = "clipped"
    """clipped: PPO's, with the ratio to the policy before the step clipped to 0.8 to 1.2. truncated: every token's
    log-probability weighted by the ratio to the rollout engine's, 5 at most, and through it no gradient."""
    entropy_bonus: NotNegative = 0.0
    max_grad_norm: PositiveFloat = 1.0
    "Longer gradients are cut to this norm."
    temperature: PositiveFloat = 1.0
    max_prompt_length: PositiveInt = 2048
    max_response_length: PositiveInt = 16_384
    val_samples: PositiveInt = 4
    """Samples a problem in the trainer's validation, drawn as those of eval. Few: it is the curve of the report, and
    nothing of one that is killed is kept. eval draws its own, but where these are as many."""
    val_before_train: bool = True
    "Validate before the first step as well; a run that goes on from a checkpoint does not do so again."
    test_freq: PositiveInt | None = None
    """Validate on the held-out and the hard problems every so many steps, beside before and after; null: only
    these."""
    save_freq: PositiveInt = 50
    "Save a checkpoint every so many steps, beside the last."
    export: Literal["last", "best"] = "last"
    """The model that is left in rl/model: last, or best by validation (docs/sft.md; needs test_freq, and save_freq to
    divide it)."""
    dump_rollouts: bool = False
    "Keep every training rollout as jsonl, for the report's zero-advantage curve; large at the paper's scale."
    stall_minutes: PositiveFloat = 60.0
    "As in sft: a weight update that hangs raises no error of its own."
    start_minutes: PositiveFloat = 20.0
    "The same until the trainer has loaded its models: verl waits without a word for processors that Ray lacks."
    trust_checkpoint: bool = False
    "As in sft."
    nnodes: PositiveInt = 1
    gpus_per_node: PositiveInt = 1
    tensor_parallel: PositiveInt = 1
    overrides: tuple[str, ...] = ()
    "More overrides for verl.trainer.main_ppo, as in a verl command line."


@dataclass(frozen=True, slots=True)
class BaselineSettings:
    rl: bool = False
    "Also run RL from the base model, with the same problems and budget."
