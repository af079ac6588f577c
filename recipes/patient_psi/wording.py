"""A patient's words: how each style opens, tells, holds back and ends a topic. Variants are drawn by a seed."""

from __future__ import annotations

import random

OPENINGS: dict[str, tuple[str, ...]] = {
    "plain": ("Hello.", "Good morning."),
    "upset": ("I am so upset today!", "It all hurts, I cannot bear it!"),
    "verbose": ("Well, where do I begin, there is so much to tell.", "Oh, it is a long story, a very long story."),
    "reserved": ("Hello. Hm.", "Hm. Good morning."),
    "tangent": ("Hello! Did you see the snow?", "Good morning! What a nice chair."),
    "pleasing": ("How kind of you to see me!", "Thank you, how kind of you."),
}
TOLD: dict[str, tuple[str, ...]] = {
    "situation": ("{}.", "It was when {}."),
    "thought": ("I thought: {}.", "It went through my mind: {}."),
    "emotions": ("I felt {}.", "I was {}."),
    "meaning": ("It would mean: {}.", "I believe: {}."),
    "belief": ("It says: {}.", "Deep down: {}."),
    "behaviour": ("Then {}.",),
    "coping": ("Mostly {}.",),
}
AROUND: dict[str, tuple[str, ...]] = {
    "plain": ("{}",),
    "upset": ("Oh! {}", "{}"),
    "verbose": ("Well, my neighbour would say: {other}. {}", "My neighbour tells me: {other}. But well. {}"),
    "reserved": ("Hm. {}", "{}"),
    "tangent": ("{}",),
    "pleasing": ("Thank you. {}", "You ask so well. {}"),
}
"What a style puts around an element that it tells; `other` is somebody else's, and not to be taken for the patient's."
BEFORE_GUARDED: dict[str, tuple[str, ...]] = {
    "upset": ("It hurts so much!", "I cannot bear it!"),
    "verbose": ("And there is so much more to tell.", "Well, it is a long story."),
}
"What warns that the next element is hard to tell."
HOLDS_BACK: dict[str, tuple[str, ...]] = {
    "reserved": ("Hm. I would rather not say.", "Hm. Not now."),
    "tangent": ("Did you see the snow?", "My neighbour has a new car.", "What a nice chair."),
}
"What is said in the place of a guarded element when it is asked for the first time."
SLIPPED: dict[str, tuple[str, ...]] = {
    "unheard": ("You do not listen to me!",),
    "rambling": ("Well, my neighbour has a new car, and the snow, where do I begin.",),
    "astray": ("And the snow, and the chair, and the new car.",),
    "early": ("I do not know what you want from me.",),
    "suggested": ("No. You do not understand me.",),
}
WITHDRAWN = ("I would rather stop here.", "Let us leave it at that.")
AGREES = ("Yes, exactly as you say.", "Yes, you are so right.")
YES = "Yes. {}"
LED_BACK = ("Yes, of course.",)
NOTHING_ASKED = ("Yes?", "I see.")
UNCLEAR = ("I do not know.",)


def pick(rng: random.Random, variants: tuple[str, ...]) -> str:
    """One of the variants."""
    return variants[rng.randrange(len(variants))]


def joined(words: tuple[str, ...]) -> str:
    """``sad``, ``sad and lonely``, ``hurt, lonely and anxious``."""
    return " and ".join(part for part in (", ".join(words[:-1]), words[-1]) if part)
