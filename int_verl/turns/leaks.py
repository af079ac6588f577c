"""Whether an utterance gives away what the partner has not said yet."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

_WORD = re.compile(r"[^\W_]+")
_ENDINGS = ("ing", "ed", "es", "ly", "s")
_FEWEST_LETTERS = 3
"That an ending leaves."
_FUNCTION_WORDS = frozenset(
    "a about all also am an and any are as at be been being but by can could d did do does don for from had has have "  # noqa: SIM905
    "he her him his how i if in is it its just ll m may me might mine must my myself no nor not of on or our ours re s "
    "shall she should so some such t than that the their them then there these they this those to too us ve very was "
    "we were what when where which who whom why will with would you your yours yourself".split()
)


def hidden_texts(case: Mapping[str, Any], keys: Sequence[str] | None) -> list[str]:
    """What a case hides: the texts and numbers under these keys, all of them without keys.

    Args:
        keys: dotted, such as ``belief.statement``.

    Raises:
        KeyError: the case has no such key.

    >>> hidden_texts({"belief": "I am a fraud", "style": "plain", "feels": ["sad", "tense"]}, ["belief", "feels"])
    ['I am a fraud', 'sad', 'tense']
    """
    chosen = [case] if keys is None else [_value(case, key) for key in keys]
    return list(dict.fromkeys(text for value in chosen for text in _texts(value)))


def uses_hidden(utterance: str, hidden: Iterable[str], said: Iterable[str]) -> bool:
    """Whether an utterance uses something hidden that nobody has said so far.

    A text is used where all of its words stand, in any order and form; words that carry no meaning (I, is, the) aside.
    It has been said where one message before has them all. What can be read both ways leaks.

    Args:
        hidden: texts of the case.
        said: the messages before, those of the policy aside.

    >>> belief = ["I am unlovable"]
    >>> uses_hidden("Do you feel that you are unlovable?", belief, ["I slept badly."])
    True
    >>> uses_hidden("Do you feel that you are unlovable?", belief, ["Who could love me? I'm unlovable."])
    False
    """
    told = list(said)
    return any(mentions(utterance, text) and not any(mentions(one, text) for one in told) for text in hidden)


def mentions(text: str, hidden: str) -> bool:
    """Whether a text has what is hidden in it; of that without a word of meaning it never has."""
    wanted = _words(hidden) - _FUNCTION_WORDS
    if wanted and {_stem(word) for word in wanted} <= {_stem(word) for word in _words(text)}:
        return True
    return bool(wanted) and not hidden.isascii() and _squeezed(hidden) in _squeezed(text)  # scripts without spaces


@lru_cache(maxsize=4096)
def _words(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(text.casefold()))


def _stem(word: str) -> str:
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _FEWEST_LETTERS:
            word = word.removesuffix(ending)
            break
    return word.removesuffix("e") if len(word) > _FEWEST_LETTERS else word


def _squeezed(text: str) -> str:
    return "".join(text.casefold().split())


def _value(case: Any, key: str) -> Any:
    value = case
    for part in key.split("."):
        if not isinstance(value, Mapping) or part not in value:
            raise KeyError(key)
        value = value[part]
    return value


def _texts(value: Any) -> list[str]:
    if isinstance(value, Mapping):
        return [text for inner in value.values() for text in _texts(inner)]
    if isinstance(value, (list, tuple)):
        return [text for inner in value for text in _texts(inner)]
    return [] if value is None or isinstance(value, bool) else [str(value)]
