"""What an environment is: three functions over a state that is plain JSON.

The policy's turns are the steps of a conversation, and what the environment says stands between them. Because the state
is JSON and every reply has its seed, a conversation goes on after a kill, or in another process, as it would have.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

Message = Mapping[str, str]
"``role`` and ``content``; an environment speaks as any role but the assistant's."
State = Any
"Plain JSON, whatever the environment needs to go on."
CUT_OFF = ("turn_tokens", "length")
"Of the ways in which a conversation ends (`int_verl.rl.turns_loop.ENDS`), those of a limit on tokens."


class Environment(Protocol):
    """A partner of conversations. It keeps nothing between calls that is not in the state.

    Example: a partner who counts, and is content after three turns.

        class Counting:
            def open(self, case, seed):
                return [{"role": "user", "content": case["opening"]}], 0

            def reply(self, state, utterance, seed):
                said = [{"role": "user", "content": f"That was {state + 1}."}]
                return (None if state == 2 else said), state + 1

            def score(self, state):
                return float(state == 3), {"turns": state}
    """

    def open(self, case: Mapping[str, Any], seed: int) -> tuple[Sequence[Message], State]:
        """What is said before the policy's first turn, perhaps nothing, and the state by then.

        Args:
            case: of one row; its hidden part is never shown to the policy.
            seed: for whatever is drawn.
        """

    def reply(self, state: State, utterance: str, seed: int) -> tuple[Sequence[Message] | None, State]:
        """What is said to the policy's turn, or None where the conversation ends with that, and the state by then."""

    def score(self, state: State) -> tuple[float, Mapping[str, float]]:
        """The reward of a conversation that has come so far, and what it is made of."""


def seed_of(case: Mapping[str, Any], turn: int, utterance: str) -> int:
    """The seed of a reply: the same words in the same turn of the same case are answered alike, whoever says them.

    Args:
        turn: the policy's turns so far; 0 for the opening.

    Returns:
        A number of 63 bits.
    """
    said = json.dumps([case, turn, utterance], sort_keys=True, ensure_ascii=False)
    return int.from_bytes(hashlib.sha256(said.encode("utf-8", "surrogatepass")).digest()[:8]) >> 1
