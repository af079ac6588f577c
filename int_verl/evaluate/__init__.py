"""Figures of finished rollouts: pass@k, zero-advantage ratio, their intervals and tables."""

from int_verl.evaluate.figures import pass_at_k

__all__ = ["pass_at_k"]
