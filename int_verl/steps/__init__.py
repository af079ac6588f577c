"""An attempt as steps, and the exact tokens of its beginning.

A step is a blank-line separated piece of an attempt; by another rule, what a heading begins, or a sentence. Steps are
counted from 1.
"""

from int_verl.steps.cut import Prefix, Steps, TokenCodec, cut_steps, prefix_tokens, split_steps

__all__ = ["Prefix", "Steps", "TokenCodec", "cut_steps", "prefix_tokens", "split_steps"]
