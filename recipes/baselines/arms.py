"""The arms of the comparison: which stages each runs, with which settings. All share one run's attempts."""

from __future__ import annotations

from dataclasses import dataclass

from int_verl.evaluate.paper import ENTROPY, NLL


@dataclass(frozen=True, slots=True)
class Arm:
    """A run of its own over the same generated data, and the same RL budget."""

    stages: tuple[str, ...]
    "Commands of int-verl, in order."
    overrides: tuple[str, ...]
    models: dict[tuple[str, str], str]
    "(RL stage, before or after it) -> the model's name in the tables."


GENERATOR = "int"
"The arm whose attempts, proposals and guided rollouts the others take over."

ARMS = {
    "int": Arm(
        ("rl", "rl_baseline"),
        (),
        {
            ("rl_baseline", "before"): "base",
            ("rl_baseline", "after"): "RL",
            ("rl", "before"): "SFT on interventions",
            ("rl", "after"): "InT + RL",
        },
    ),
    "hint_guided_rl": Arm(("rl_baseline",), ("rl.hint_share=1.0",), {("rl_baseline", "after"): "hint-guided RL"}),
    "hint_plus_intervention": Arm(
        ("rl_baseline",),
        ("rl.hint_share=1.0", "rl.prefix=intervention"),
        {("rl_baseline", "after"): "RL with hint + intervention"},
    ),
    "sft_reference": Arm(
        ("rl",),
        ("sft_data.kind=reference",),
        {("rl", "before"): "SFT on reference", ("rl", "after"): "SFT on reference + RL"},
    ),
    "sft_self_reflection": Arm(
        ("rl",),
        ("sft_data.kind=self_reflection",),
        {("rl", "before"): "SFT on self-reflection", ("rl", "after"): "SFT on self-reflection + RL"},
    ),
}

# The paper's figures (arXiv 2601.14209). Final table: IMO-AnswerBench p@1, HMMT Nov 2025 p@1, AMO-Bench p@8,
# Apex Shortlist p@8, training problems, average; percent.
PAPER_FINAL = {
    "base": (11.68, 41.61, 26.24, 20.79, 5.53, 21.17),
    "RL": (23.46, 46.46, 35.21, 22.72, 13.47, 28.26),
    "hint-guided RL": (16.89, 47.27, 33.34, 22.23, 23.06, 28.56),
    "SFT on reference + RL": (11.56, 27.45, 25.19, 20.51, 19.07, 20.76),
    "SFT on self-reflection + RL": (15.53, 38.65, 36.72, 23.93, 23.19, 27.60),
    "InT + RL": (25.62, 49.77, 36.16, 28.22, 28.83, 33.72),
}
# Nats per token of the SFT data under the base model; next-token entropy of the model after SFT.
PAPER_NLL = {f"SFT on {data}": value for data, value in NLL.items()}
PAPER_ENTROPY = {"SFT on interventions" if model == "InT SFT" else model: value for model, value in ENTROPY.items()}
# At RL step 400.
PAPER_ZERO_ADVANTAGE = {
    "RL": 0.64,
    "SFT on reference + RL": 0.45,
    "SFT on self-reflection + RL": 0.45,
    "InT + RL": 0.42,
}
# Test pass@1, 2, 4, 8 after SFT.
PAPER_PASS_AT_K = {
    "SFT on reference": (0.008, 0.015, 0.028, 0.051),
    "SFT on self-reflection": (0.048, 0.084, 0.134, 0.196),
    "SFT on interventions": (0.092, 0.144, 0.209, 0.284),
}
