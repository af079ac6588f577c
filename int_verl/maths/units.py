"""Units after a value: of measures, of money, of angles, and the things that are counted.

A unit may be left out. Where both sides have one, it must be the same: in any spelling, to the same power, without
conversion. Of what is counted, a word in common is enough, and some words (ways, people) say nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from int_verl.maths.tokens import FUNCTIONS

_MEASURES = """
m meter metre; km kilometer kilometre kms; dm decimeter decimetre; cm centimeter centimetre; mm millimeter millimetre;
um micrometer micrometre micron; nm nanometer nanometre; in inch inche; ft foot feet; yd yard; mi mile;
acre; ha hectare;
g gm gram gramme; kg kilo kilogram kilogramme; mg milligram; lb pound; oz ounce; ton tonne;
s sec second; ms millisecond; min minute; h hr hour; day; wk week; month; yr year; decade; century centurie;
l liter litre; ml milliliter millilitre; gal gallon; quart qt; pint; cup;
dollar usd buck; cent; euro eur; yuan yen rmb cny jpy; rupee; peso;
degree deg; rad radian; celsiu c; f fahrenheit; k kelvin; n newton; j joule; w watt; kw kilowatt; v volt; a amp ampere;
hz hertz; khz; mhz; pa pascal; kpa; ohm; mol mole; ev; cal calorie; kcal; b byte; kb; mb; gb; tb; bit
"""
_CANONICAL = {word: words.split()[0] for words in _MEASURES.split(";") for word in words.split()}
_COMPOUND = {"mph": "mi / h", "kph": "km / h", "kmh": "km / h", "kmph": "km / h", "fps": "ft / s", "mps": "m / s"}
_COMPOUND_WORD = re.compile(rf"\b(?:{'|'.join(_COMPOUND)})\b")
_SAYS_NOTHING = frozenset(
    """unit way time item piece thing number value solution possibility possibilitie outcome total case element object
    people person integer point different distinct possible more left long wide tall high deep old apart away each
    all whole exactly about approximately of the in at on to a an is are there such and""".split()  # noqa: SIM905
)
_POWER_BEFORE = {"square": 2, "sq": 2, "cubic": 3, "cu": 3}
_POWER_AFTER = {"squared": 2, "cubed": 3}
_CURRENCIES = {"$": "dollar", "\\$": "dollar", "\\euro": "euro", "\\pounds": "lb", "\\yen": "yuan"}


@dataclass(frozen=True, slots=True)
class Unit:
    """What a value is measured in or counts.

    Example: ``Unit(frozenset({("km", 1), ("h", -1)}), frozenset())`` for ``km per hour``.
    """

    measures: frozenset[tuple[str, int]] = frozenset()
    """Known units with their powers."""
    things: frozenset[str] = frozenset()
    """All other words, in the singular, that say something."""

    def agrees(self, other: Unit) -> bool:
        """Whether two values may be equal that have these units."""
        if self.measures and other.measures:
            return self.measures == other.measures
        if self.things and other.things:
            return bool(self.things & other.things)
        return not (self.measures and other.things) and not (self.things and other.measures)


NO_UNIT = Unit()
DEGREE = Unit(frozenset([("degree", 1)]))
RADIAN = Unit(frozenset([("rad", 1)]))

_TEXT = r"\\(?:text|mathrm|mbox|textrm|rm|textbf|textit|operatorname|mathit|hbox)\s*"
_EXPONENT = r"(?:\s*\^\s*(?:\{\s*[-+]?\s*[0-9]\s*\}|[0-9]))?"
_GROUP = _TEXT + r"\{(?:[^{}]|\{[^{}]*\})*\}" + _EXPONENT
_FACTOR = re.compile(
    rf"(?:(?P<group>{_GROUP}|\\frac\s*\{{\s*{_GROUP}\s*\}}\s*\{{\s*{_GROUP}\s*\}})|"
    rf"(?P<word>(?<![A-Za-z\\])[A-Za-z]+)(?:[23]|{_EXPONENT})|(?P<money>\\(?:euro|pounds|yen|\$)))\s*\.?\s*$"
)
_JOINT = re.compile(r"(?:/|\\cdot)\s*$")
_POWER = re.compile(r"\s*\^\s*(?:\{\s*[-+]?\s*[0-9]\s*\}|[-+]?[0-9])|(?<=[A-Za-z])[23](?![0-9])")
_BEFORE_GROUP = re.compile(r"[^\s^_/*+\-=(,]$")
_BEFORE_WORDS = re.compile(r"(?:[0-9}\])!]|\\pi)$")
_FRACTION = re.compile(rf"\\frac\s*\{{\s*({_GROUP})\s*\}}\s*\{{\s*({_GROUP})\s*\}}")
_MARKUP = re.compile(_TEXT + r"(?=\{)|\\(?:cdot|degree|times)(?![A-Za-z])|[{}~\\]")
_WORD = re.compile(r"(?P<word>[A-Za-z]+)\s*(?:\^?\s*(?P<power>[-+]?[0-9]))?|(?P<over>/)")
_LOGIC = re.compile(
    r"\b(?:and|or|if|not|no|where|when|for|otherwise|else|unless|with|mod|but|except|either|than|least|most|wrong|"
    r"incorrect|false|actually|should|maybe|perhaps|instead|so|ish|base|because|since|"
    r"impossible|rejected|reject|discarded|extraneous|invalid|unsure|guess|etc|unknown|approx)\b|[=<>+0-9]"
)
_LETTERS_OVER = re.compile(r"\\frac\s*\{\s*([A-Za-z]+)\s*\}\s*\{\s*([A-Za-z]+)\s*\}$")
_COMPUTES = re.compile(
    r"^\W*(?:squared|cubed)\b|\btimes\s+\w|\b(?:plus|minus|over|divided|power|root|factorial|negative|less|below|"
    r"above zero|mod|choose|twice|double|triple|too|short|half|halve|third|fourth|fifth|sixth|seventh|eighth|ninth|"
    r"tenth|twelfth|hundredth|thousandth|millionth)s?\b"
)
"""Words that make another number of the one before them."""
_ENDS_NO_UNIT = frozenset(")]|!%015678")
_ANY_WORD = re.compile(r"\\(?:text|math|mbox|hbox|rm|operatorname|euro|pounds|yen|\$)|(?<![\\A-Za-z])[A-Za-z]")
_VOWELS = frozenset("aeiouy")
_LETTERS = re.compile(r"m/s(?:\^\{?2\}?)?")
_MOST_WORDS = 12
_MONEY_FIRST = re.compile(r"(-?)\s*(\\\$|\\euro|\\pounds|\\yen|\$)(?![A-Za-z])\s*(?=[0-9.\\-])")


def without_unit(text: str) -> str | None:
    """What stands before a unit, or after the sign of a currency; None where there is neither."""
    found = _split(text)
    if found is not None:
        return found[0]
    money = _MONEY_FIRST.match(text)
    return None if money is None else money[1] + text[money.end() :]


def ends_in_unit(text: str) -> bool:
    """Whether ``text`` is a number and a unit."""
    found = _split(text)
    if found is None:
        return False
    return bool(re.search(r"[0-9]|\\(?:frac|sqrt|pi)", found[0]) or _read(found[1]).measures)


@lru_cache(maxsize=4096)
def unit(text: str) -> Unit:
    """The unit of an answer; `NO_UNIT` if it names none."""
    money = _MONEY_FIRST.match(text)
    if money is not None:
        rate = _split(text[money.end() :])
        per = NO_UNIT if rate is None else _read(rate[1])
        return Unit(per.measures | {(_CURRENCIES[money[2]], 1)}, per.things)
    if text.endswith("\\degree"):
        return DEGREE
    found = _split(text)
    return NO_UNIT if found is None else _read(found[1])


def with_letter(text: str) -> tuple[str, Unit] | None:
    """``4`` and the meter for ``4 m``, which may as well be a product; None where no such letter ends ``text``."""
    found = _split(_LETTERS_OVER.sub(r"\1/\2", text), letters=True)
    return None if found is None else (found[0], _read(found[1]))


@lru_cache(maxsize=4096)
def _split(text: str, *, letters: bool = False) -> tuple[str, str] | None:
    """A value and all of the unit after it, as written."""
    text = text.strip()
    if text[-1:] in _ENDS_NO_UNIT or _ANY_WORD.search(text) is None:
        return None
    core, found = text, None
    for _ in range(_MOST_WORDS):
        match = _FACTOR.search(core)
        if match is None or _LOGIC.search(_MARKUP.sub(" ", _POWER.sub("", match[0])).lower()):
            break
        rest = core[: match.start()].rstrip()
        joint = _JOINT.search(rest)
        if joint is not None:
            rest = rest[: joint.start()].rstrip()
        if not (rest if match["word"] else _BEFORE_GROUP.search(rest)):
            break
        core, written = rest, text[len(rest) :]
        if core.count("(") != core.count(")") or _COMPUTES.search(_MARKUP.sub(" ", written).lower()):
            continue
        word = (match["word"] or "").lower()
        if not word or (_BEFORE_WORDS.search(core) and _may_be_words(word, written, letters)):
            found = core, written
    return found


def _may_be_words(first: str, written: str, letters: bool) -> bool:
    """Whether words without a text command are a unit, and no product of variables."""
    if first in FUNCTIONS and written.strip() != first:
        return False
    if _singular(first) in _CANONICAL or first in _COMPOUND or first in _POWER_BEFORE:
        return letters or len(first) > 1 or _LETTERS.fullmatch(written.replace(" ", "")) is not None
    in_a_row = all(ord(b) - ord(a) == 1 for a, b in pairwise(first))  # abc, xyz
    return len(first) > (2 if written[:1] == " " else 3) and not in_a_row and not _VOWELS.isdisjoint(first)


def _singular(word: str) -> str:
    return word[:-1] if word.endswith("s") and len(word) > 2 and not word.endswith("ss") else word


def _read(written: str) -> Unit:
    """A unit as it is written: ``m/s^2``, ``sq. ft``, ``\\text{km per hour}``, ``\\text{red balls}``."""
    for symbol, name in (("\\euro", " euro"), ("\\pounds", " pound"), ("\\yen", " yen"), ("\\$", " dollar")):
        written = written.replace(symbol, name)
    plain = _MARKUP.sub(" ", _FRACTION.sub(r"\1 / \2", written)).lower()
    plain = _COMPOUND_WORD.sub(lambda word: _COMPOUND[word[0]], plain)
    powers: dict[str, int] = {}
    things: set[str] = set()
    sign, factor, last = 1, 1, ""
    for match in _WORD.finditer(plain):
        word = _singular(match["word"] or "per")
        if word == "per":
            sign = -1
        elif (match["word"] in _POWER_AFTER or (word in _POWER_BEFORE and match.end() == len(plain.rstrip()))) and last:
            powers[last] *= _POWER_AFTER.get(match["word"]) or _POWER_BEFORE[word]
        elif word in _POWER_BEFORE:
            factor = _POWER_BEFORE[word]
        elif word in _CANONICAL and (word not in _SAYS_NOTHING or not (powers or things)):
            last = _CANONICAL[word]
            powers[last] = powers.get(last, 0) + sign * factor * int(match["power"] or 1)
            factor = 1
        elif word not in _SAYS_NOTHING:
            things.add(word)
    return Unit(frozenset((name, power) for name, power in powers.items() if power), frozenset(things))
