"""Figures of the paper (arXiv 2601.14209), of Qwen3-4B-Instruct-2507, by what they are of."""

from __future__ import annotations

NLL = {"reference": 1.27, "self-reflection": 0.55, "interventions": 0.40}
"Of data for SFT under the base, nats a token."
ENTROPY = {"base": 0.29, "InT SFT": 0.26, "SFT on reference": 1.66, "SFT on self-reflection": 0.43}
"Of the next token, nats."
PROBABILITY = {"train": (0.166, 0.407), "test": (0.185, 0.420)}
"Mean of the intervention's tokens before and after SFT."
TABLE1 = {
    "problem": ("0.10 %", "12.0 %"),
    "wrong_step": ("0.07 %", "8.7 %"),
    "prefix": ("0.07 %", "9.3 %"),
    "intervention": ("1.56 %", "24.0 %"),
    "intervention by 30B": ("2.87 %", "30.2 %"),
}
"Condition -> accuracy and coverage of 32 continuations of 334 hard problems."
