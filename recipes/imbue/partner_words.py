"""What the partner by rule says: the matter, a reaction to the last utterance, and the obstacle that is left."""

from __future__ import annotations

OPENINGS: dict[str, tuple[str, ...]] = {
    "ask": ("Yes, what is it?", "What do you want?", "You wanted to talk?"),
    "refuse": ("Will you {asked}?", "I ask you to {asked}.", "You can {asked}, can you not?"),
}
REACTIONS: dict[str, tuple[str, ...]] = {
    "gives way": ("That is fair.", "I see.", "Well, yes."),
    "stalls": ("I do not know.", "Not now.", "Let us see."),
    "attacks": ("How dare you!", "What a way to talk!", "I will not hear that!"),
}
OBSTACLES: dict[str, tuple[str, ...]] = {
    "matter": ("What is the matter?", "What is it that you want?"),
    "unmoved": ("Why does it matter to you?", "Is that so bad?"),
    "attack": ("But you only think of yourself!", "But you are never content!", "But who do you think you are?"),
    "gain": ("What do I get from it? I want {wants}.", "And what about me? I need {wants}."),
    "cost": ("That is too much for me.", "I cannot do all of that."),
    "unsure": ("I am still not sure.", "I have to think about it."),
}
