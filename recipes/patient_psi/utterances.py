"""What an interviewer's utterance is: what it asks for, openly or not, and in which manner; or a formulation."""

from __future__ import annotations

import re
from dataclasses import dataclass

from cognitive_models import ASSUMPTIONS, BEHAVIOURS, CATEGORY_OF, COPING, EMOTIONS, ORDER, THEME_OF, THOUGHTS

KINDS = (*ORDER, "behaviour", "coping")
OPEN_QUESTIONS: dict[str, re.Pattern[str]] = {
    kind: re.compile(pattern, re.IGNORECASE)
    for kind, pattern in {
        "situation": r"what (?:has |had )?happened|what (?:took place|was going on)|tell me (?:about|what)|"
        r"what brings you",
        "thought": r"through your (?:mind|head)|what (?:did|do|were|was) (?:you|your) think|what was your thought",
        "emotions": r"how (?:did|do|does) (?:you|that|it|this)(?: \w+){0,4} feel|what (?:did|do|were) you feel|"
        r"(?:what|which) (?:feelings?|emotions?)",
        "meaning": r"what (?:would|did|does|might) (?:it|that|this) mean|if (?:that|it|this) (?:was|were|is) true",
        "belief": r"say(?:s)? about you(?:rself)?\b|see yourself|what does (?:it|that|this) make you|"
        r"believe about yourself",
        "behaviour": r"what did you do|how did you (?:react|respond)",
        "coping": r"how do you (?:cope|deal|usually)|what do you (?:usually )?do (?:to|against|about)",
    }.items()
}
MANNERS: dict[str, re.Pattern[str]] = {
    manner: re.compile(pattern, re.IGNORECASE)
    for manner, pattern in {
        "warmly": r"(?:that|it|this) (?:sounds|must|is|was) (?:\w+ ){0,3}(?:hard|difficult|painful|be|have)|"
        r"\bi (?:am|'m) (?:so |very )?sorry|i (?:can )?(?:hear|see) (?:how|that) ",
        "firmly": r"(?:come|go|get|turn) back to|back to (?:that|this|what|the|you)",
        "briefly": r"in (?:a few|one|two|a couple of) (?:short )?(?:words?|sentences?)|\bbriefly\b|in short",
        "gently": r"take your time|no (?:hurry|rush)|whenever you are ready",
    }.items()
}
"How a question may be put: warmly acknowledges, firmly leads back, briefly asks for few words, gently asks once more."
_CLOSED = re.compile(r"^\W*(?:did|do|does|are|is|was|were|have|had|so|perhaps|maybe|could)\b", re.IGNORECASE)
_BLOCK = re.compile(r"<formulation>(.*?)(?:</formulation>|\Z)", re.IGNORECASE | re.DOTALL)
_FIELD = re.compile(r"(category|core belief|belief|automatic thought|thought|emotions?)\s*:\s*([^;\n]*)", re.IGNORECASE)
_NAMES = {"core belief": "belief", "automatic thought": "thought", "emotion": "emotions"}
_NONE = frozenset(("", "unknown", "none", "not said", "n a", "not elicited"))
_SENTENCE = re.compile(r"[^.!?]*[.!?]?")


def plain(text: str) -> str:
    """For comparing: lower case, words and single blanks."""
    return " ".join(re.findall(r"[a-z0-9']+", text.lower()))


_LISTS: dict[str, tuple[str, ...]] = {
    "situation": tuple(THEME_OF),
    "thought": tuple(thought for thoughts in THOUGHTS.values() for thought in thoughts),
    "emotions": EMOTIONS,
    "meaning": tuple(assumption for assumptions in ASSUMPTIONS.values() for assumption in assumptions),
    "belief": tuple(CATEGORY_OF),
    "behaviour": BEHAVIOURS,
    "coping": COPING,
}
_KNOWN = sorted(
    ((f" {plain(value)} ", kind, value) for kind, values in _LISTS.items() for value in values),
    key=lambda known: -len(known[0]),
)


@dataclass(frozen=True, slots=True)
class Formulation:
    """What the interviewer concludes; None and empty for what it leaves open.

    Example: Formulation("helpless", "I am weak", "it will go wrong again", ("sad",))
    """

    category: str | None
    belief: str | None
    thought: str | None
    emotions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Utterance:
    """Example: ``"Take your time. How did you feel?"`` is Utterance("emotions", frozenset({"gently"}), (), None)."""

    kind: str | None
    "What it asks for, one of `KINDS`; the first of several. None where it asks for nothing that a patient knows."
    manners: frozenset[str]
    suggested: tuple[str, ...]
    "Of a closed question, the elements that it puts into the patient's mouth."
    formulation: Formulation | None


def read_utterance(text: str) -> Utterance:
    """What `text` is; any text at all is something."""
    if block := _BLOCK.search(text):
        return Utterance(None, frozenset(), (), _read_formulation(block[1]))
    manners = frozenset(name for name, pattern in MANNERS.items() if pattern.search(text))
    asked = [(found.start(), kind) for kind, pattern in OPEN_QUESTIONS.items() if (found := pattern.search(text))]
    if asked:
        return Utterance(min(asked)[1], manners, (), None)
    for sentence in _SENTENCE.findall(text):
        if sentence.endswith("?") and _CLOSED.match(sentence):
            words = f" {plain(sentence)} "
            suggestions = [(kind, value) for known, kind, value in _KNOWN if known in words]
            if suggestions:
                kind = suggestions[0][0]
                return Utterance(kind, manners, tuple(value for of, value in suggestions if of == kind), None)
    return Utterance(None, manners, (), None)


def _read_formulation(body: str) -> Formulation:
    found: dict[str, str] = {}
    for name, value in _FIELD.findall(body):
        name = name.lower()
        found.setdefault(_NAMES.get(name, name), value)
    said = {name: None if plain(value) in _NONE else value.strip() for name, value in found.items()}
    emotions = [plain(emotion) for emotion in re.split(r",|\band\b", said.get("emotions") or "")]
    named = tuple(dict.fromkeys(emotion for emotion in emotions if emotion not in _NONE))
    return Formulation(said.get("category"), said.get("belief"), said.get("thought"), named)


def written(category: str, belief: str, thought: str, emotions: tuple[str, ...]) -> str:
    """A formulation as a block; `read_utterance` reads it."""
    named = ", ".join(emotions)
    return f"<formulation> category: {category}; belief: {belief}; thought: {thought}; emotions: {named} </formulation>"
