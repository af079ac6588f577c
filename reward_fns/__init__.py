"""Reward functions with verl's signature, one a file. In an installed wheel: `int_verl.reward_fns`."""
