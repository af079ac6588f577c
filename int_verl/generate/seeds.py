"""What is drawn by hash: a request's seed, and who is in a share. Neither depends on any order."""

from __future__ import annotations

import hashlib


def request_seed(run_seed: int, *purpose: str | int) -> int:
    """A seed in 0..2**31-1 that depends on nothing but its arguments."""
    text = "\0".join(map(str, (run_seed, *purpose)))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1


def evaluation_seed(run_seed: int, problem_set: str, problem_id: str, sample: int) -> int:
    """Of a model's sample at a problem of a set that it is evaluated on, whoever asks for it: drawn once."""
    return request_seed(run_seed, "eval", problem_set, problem_id, sample)


def share_has(share: float, key: str) -> bool:
    """Whether a key is among that share of all keys; the choice depends on the key alone."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:4], "big") < share * 2**32
