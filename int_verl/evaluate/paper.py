"""Figures of the paper (arXiv 2601.14209), of Qwen3-4B-Instruct-2507, by what they are of."""

from __future__ import annotations

NLL = {"reference": 1.27, "self-reflection": 0.55, "interventions": 0.40}
"Of data for SFT under the base, nats a token."
ENTROPY = {"base": 0.29, "InT SFT": 0.26, "SFT on reference": 1.66, "SFT on self-reflection": 0.43}
"Of the next token, nats."
PROBABILITY = {"train": (0.166, 0.407), "test": (0.185, 0.420)}
"Mean of the intervention's tokens before and after SFT."
