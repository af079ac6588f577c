"""What interventions while RL samples (`rl.online`) will cost in generated tokens, before any is drawn."""

from __future__ import annotations

import math

from int_verl.settings.generation import ProposeSettings
from int_verl.settings.training import RLSettings
from int_verl.stages.estimate import Known

CONTINUED = 0.5
"A continuation is so much of an attempt: the first error stands in the middle of it; assumed."


def online_tokens(rl: RLSettings, propose: ProposeSettings, known: Known, mean: float) -> float:
    """New tokens beyond the attempts' own in a whole run of RL: guided solutions, verifications and continuations.

    The attempts that may be intervened in are taken to be wrong, proposals to pass and continuations to be right as
    often as those of the generator; RL does better as it goes on, so this is more than what will come.

    Args:
        known: rates and lengths, the paper's or measured.
        mean: tokens of an attempt.
    """
    online, rates, lengths = rl.online, known.rates, known.tokens
    if not online.enabled:
        return 0.0
    steps = max(rl.total_steps - max(online.from_step - 1, 0), 0)
    groups = steps * rl.prompts_per_step * online.row_share * rates.incorrect
    attempts = groups * math.ceil(online.group_share * rl.rollouts)
    verifications, without_success = 0.0, 1.0
    for wave in online.waves:
        verifications += wave * without_success
        without_success *= (1 - rates.proposed * rates.correct) ** wave
    verification = min(lengths.get("proposals", mean), propose.sampling.max_tokens)
    continuation = rates.proposed * CONTINUED * mean
    tokens = attempts * verifications * (verification + continuation)
    if propose.two_turns:
        first = (propose.guided_solution_sampling or propose.sampling).max_tokens
        tokens += groups * min(lengths.get("guided_solutions", mean), first)
    return tokens if online.tokens_per_step is None else min(tokens, steps * online.tokens_per_step)
