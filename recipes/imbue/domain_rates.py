"""What the domain itself comes to, without any model: the habits of a base, and what a mended turn is worth to it.

    python recipes/imbue/domain_rates.py --seed 0

A conversation is right where the partner agrees and the mean skill rating is 1.5 or more. Failed conversations of the
base are continued by the base in three ways: from its first weak turn, from before it, and from a good utterance in its
place.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import mean

sys.path.insert(0, str(Path(__file__).parent))

from dear_man import weak_turn
from situations import SPLITS, Situation, situation_sets
from speakers import Conversation, Habits, conversation, good_utterance

SUCCESS = 1.5
"Mean skill rating from which an agreement is right."
ROLLOUTS = 8
"Of a situation, and of a way to continue a conversation."


def is_right(held: Conversation) -> bool:
    """Whether the partner agrees and the skills were shown."""
    return held.parts["agreed"] == 1 and held.score >= SUCCESS


def own_words(held: Conversation) -> list[str]:
    """The policy's utterances."""
    return [message["content"] for message in held.messages if message["role"] == "assistant"]


def continued(
    situation: Situation, failed: Conversation, habits: Habits, rng: random.Random
) -> dict[str, list[Conversation]]:
    """Way -> conversations that go on so from a failed one."""
    weak = weak_turn(failed.state["turns"])
    assert weak is not None
    said = own_words(failed)
    better = good_utterance(situation, failed.state["turns"][weak - 1]["called"], rng)
    ways = {"weak turn": said[:weak], "before it": said[: weak - 1], "intervention": [*said[: weak - 1], better]}
    return {
        way: [conversation(situation, habits, rng, begun=begun) for _ in range(ROLLOUTS)] for way, begun in ways.items()
    }


def table(situations: Sequence[Situation], habits: Habits, rng: random.Random) -> Iterable[str]:
    """The lines of one split."""
    groups = [[conversation(situation, habits, rng) for _ in range(ROLLOUTS)] for situation in situations]
    held = [one for group in groups for one in group]
    alike = mean(len({is_right(one) for one in group}) == 1 for group in groups)
    yield f"right {mean(map(is_right, held)):.1%}, pass@{ROLLOUTS} {mean(any(map(is_right, g)) for g in groups):.1%}"
    yield f"groups with equal rewards {alike:.1%}"
    yield f"mean skill rating {mean(one.score for one in held):.2f}, agreed {mean(o.parts['agreed'] for o in held):.1%}"
    failed = [
        (s, g[0]) for s, g in zip(situations, groups, strict=True) if g[0].parts["weak_turn"] and not is_right(g[0])
    ]
    yield f"first weak turn of {len(failed)} failed: {mean(one.parts['weak_turn'] for _, one in failed):.1f}"
    ways = [continued(situation, one, habits, rng) for situation, one in failed]
    for way in ways[0]:
        found = [one for each in ways for one in each[way]]
        rating = mean(one.score for one in found)
        yield f"continued from {way:12}: right {mean(map(is_right, found)):.1%}, mean skill rating {rating:.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0, help="of the habits and of what is drawn")
    args = parser.parse_args()
    sets, habits = situation_sets(), Habits(args.seed)
    for split in SPLITS:
        print(f"{split}, {len(sets[split])} situations")
        for line in table(sets[split], habits, random.Random(args.seed)):
            print(f"  {line}")


if __name__ == "__main__":
    main()
