r"""What disqualifies a proposed intervention: it gives the answer away, or it sits in the wrong place.

`leaks_answer` reads the content as mathematics, not as characters. Spans of it (`maths.spans`) are compared with the
answer by the grader's own reader, so that whatever the grader would pay is found. The content leaks if

- a number's value stands alone in it: a numeral, fraction, decimal, percentage or number word. ``2`` does not stand
  alone in ``x^2``, ``12``, ``2x``, ``x_2``, ``n + 2`` or ``f(2)``. What is written as a sum or product (``3 \cdot 4``)
  is left for the reader to work out; a power, root, factorial or binomial of the answer's value leaks where it is
  stated (after ``=``, "is", in a box). What names, counts or bounds something else is no mention (`mentions`).
- a side of a relation, or an expression between words, equals an expression, however it is written.
- a formula, two sides of a chain or a list equals a tuple, set, interval, equation or whatever else the answer is; or
  every member of a tuple, set or list is stated on its own.
- it has the words of an answer in words; "yes", "no" and single letters only where they are stated as the answer.
- it says "the answer is ...", or asserts anything else ("hence ..."), and what follows, read as a whole, is right.

Letting an answer through spoils the data, dropping one proposal does not: what can be read both ways leaks.

`check_location` compares a location with the attempt's length and with what the verification text itself says.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import Literal

from int_verl.generate.gold_answer import Gold, form, gold_answer, same
from int_verl.generate.mentions import Mentions, word_value
from int_verl.grading.faults import tell, where
from int_verl.interventions import Intervention
from int_verl.interventions.verification_log import first_error, wrong_steps
from int_verl.maths.normal_form import key, normalise
from int_verl.maths.prose import plain_words
from int_verl.maths.spans import Side

LocationRejection = Literal["location_out_of_range", "after_first_error", "wrong_step_in_prefix"]
Rejection = Literal[
    "leak",  # the content gives the answer away
    "duplicate",  # the same content at the same place as an earlier proposal of this attempt
    "not_first",  # an earlier one of this attempt passes, with `propose.use=first`
    "not_encodable",  # the policy's tokenizer has no tokens that give the content back as it is
    "too_long",  # the content, or the guided prefix with it, is over its limit
    "location_out_of_range",  # the attempt has fewer steps
    "after_first_error",  # later than the first step that the verification calls wrong
    "wrong_step_in_prefix",  # the steps kept before it include one that the verification calls wrong
]


def check_location(intervention: Intervention, n_steps: int, log: str) -> LocationRejection | None:
    """Why an intervention's place is impossible, or contradicts its own verification; None if it does neither.

    Args:
        intervention: its location is 1-based and replaces a step, so 1 to n_steps are in range.
        n_steps: how many steps the attempt has.
        log: the verification text that proposed it; one that names no wrong step contradicts nothing.

    A location may come before the first error (a better step earlier), never after it. ``after_first_error`` looks at
    the step that the log reports as the first critical error; ``wrong_step_in_prefix`` at every step that it calls
    wrong on the way there.
    """
    if not 1 <= intervention.location <= n_steps:
        return "location_out_of_range"
    first = first_error(log)
    if first is not None and intervention.location > first:
        return "after_first_error"
    if any(step < intervention.location for step in wrong_steps(log)):
        return "wrong_step_in_prefix"
    return None


def leaks_answer(content: str, answer: str) -> bool:
    r"""Whether an intervention's content gives the final answer away.

    Args:
        content: the new step alone, never the attempt's own text.
        answer: the gold answer, boxed or bare, LaTeX or plain.

    Examples:
        leaks_answer("Hence $x = \\tfrac12$.", "0.5") is True
        leaks_answer("By Step 2, $x^2 + 12$ is even.", "2") is False

    It never raises: a content that nobody foresaw leaks, and is logged once.
    """
    try:
        return _leaks(content, answer)
    except Exception as problem:
        tell(f"no test for leaks: {where(problem)}", content=content, answer=answer)
        return True


def _leaks(content: str, answer: str) -> bool:
    if not content.strip() or not answer.strip():
        return False
    text = normalise(answer)
    words = plain_words(text) if _WORDS.fullmatch(text) else ""
    value = word_value("-".join(words.split())) if words else None
    gold = gold_answer(str(value) if value is not None else text)
    mentions = Mentions(content)
    letter = _LETTER_MARKUP.sub("", text)
    if len(letter) == 1 and letter.isalpha():
        leaks = _leaks_letter(mentions, letter)
    elif not gold.members and same(text, "\\emptyset"):
        leaks = _NO_SOLUTION.search(content) is not None or _leaks_as_a_whole(mentions, gold)
    elif same(text, "\\infty") or words.startswith("infinit"):
        leaks = _leaks_infinity(mentions)
    elif gold.kind == "number":
        leaks = _leaks_number(mentions, gold)
    elif words and value is None:
        leaks = _leaks_words(content, words.split())
    else:
        leaks = (
            any(_is_expression(mentions, side, gold) for side in mentions.sides)
            or _leaks_as_a_whole(mentions, gold)
            or (bool(gold.members) and all(_is_result(mentions, gold_answer(normalise(m))) for m in gold.members))
            or (not gold.is_understood and _leaks_verbatim(content, gold))
        )
    return leaks or _leaks_stated(mentions, gold)


_WORDS = re.compile(r"(?:\\(?:text[a-z]*|math[a-z]+|mbox)\s?|(?<![A-Za-z])[A-Za-z][A-Za-z'-]+(?![A-Za-z'-])|[{} ,])*")
_COMMA_LIST = re.compile(r"[1-9][0-9]{2}(?:,[1-9][0-9]{2})+")
_LETTER_MARKUP = re.compile(r"\\(?:text[a-z]*|math[a-z]+)|[{}()\s.]")


_MAX_COST = 500


def _equals(mentions: Mentions, written: str, gold: Gold) -> bool:
    """Whether a piece of the content is the answer; beyond a cost that no ordinary step has, as text or numeral."""
    mentions.cost += 60 if "\\sum" in written or "\\prod" in written else 1
    return same(gold.text, normalise(written), compute=mentions.cost <= _MAX_COST)


def _leaks_number(mentions: Mentions, gold: Gold) -> bool:
    for written, side in mentions.numbers:
        if _equals(mentions, written, gold):
            shape = form(normalise(written)) if gold.is_literal else "literal"
            if shape == "literal" or (shape == "single" and mentions.is_stated(side)):
                return True
        elif _COMMA_LIST.fullmatch(written) and gold.text in written.split(","):
            return True  # 571,572,573 is a list as well as a number
    return any(same(gold.text, str(value)) for value in mentions.number_words())


def _is_expression(mentions: Mentions, side: Side, gold: Gold) -> bool:
    """Whether a side, in any spelling, is the answer's expression."""
    if gold.kind != "expression" or side.bracket == "args" or side.letters != gold.letters:
        return False
    if "!=" in (side.before, side.after):
        return False
    is_named = len(side.tokens) > 1 or mentions.is_stated(side)
    return is_named and _equals(mentions, mentions.written(side.start, side.end), gold)


def _leaks_as_a_whole(mentions: Mentions, gold: Gold) -> bool:
    """Whether a formula, two sides of one, or a list of formulas is the answer."""
    for run in mentions.lists():
        formulas = [mentions.written(start, end) for start, end in run]
        equations = [equation for start, end in run for equation in mentions.equations(start, end)]
        if any(_equals(mentions, written, gold) for written in [", ".join(formulas), *formulas, *equations]):
            return True
    return any(_equals(mentions, written, gold) for written in (*mentions.congruences(), *mentions.in_math()))


def _is_result(mentions: Mentions, member: Gold) -> bool:
    """Whether one member of a tuple, set or list is given as a result."""
    if member.kind == "number":
        return any(
            _equals(mentions, written, member) and mentions.is_stated(side) for written, side in mentions.numbers
        )
    return any(mentions.is_stated(side) and _is_expression(mentions, side, member) for side in mentions.sides)


_SAID = re.compile(r"\banswer(?:\s+\w+){0,3}?\s*(?:is|=|:|\*\*)[\s:*]*", re.IGNORECASE)
_ASSERTED = re.compile(
    r"\b(?:is|are|be|equals?|gives?|gets?|obtain|namely|exactly|hence|thus|therefore|so|then)\b[\s:,]*|[:：是为為選选]|所以|因此",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"\n|。|[.!?](?=\s+[A-Z]|\s*$)")
_MAX_SAID, _MAX_ASSERTED = 8, 12


def _leaks_stated(mentions: Mentions, gold: Gold) -> bool:
    """Whether what a sentence says to be the answer, or to be so, is it, read as a whole."""
    content = mentions.text
    if any(_equals(mentions, _rest(content, said.end()), gold) for said in islice(_SAID.finditer(content), _MAX_SAID)):
        return True
    for said in islice(_ASSERTED.finditer(content), _MAX_ASSERTED):
        rest = _rest(content, said.end())
        if _equals(mentions, rest, gold) and not (gold.kind == "number" and form(normalise(rest)) == "computation"):
            return True
    return False


def _rest(content: str, start: int) -> str:
    """Of a sentence, from an offset on."""
    end = _SENTENCE_END.search(content, start)
    return content[start : end.start() if end else len(content)]


def _leaks_words(content: str, words: list[str]) -> bool:
    plain = re.sub(r"\\[A-Za-z]+|[${}*_`]", " ", content)
    if words in (["yes"], ["no"], ["true"], ["false"]):
        before = r"(?:\banswer(?: \w+){0,4}? (?:is|=|:)|\bis|:|=|\n|^|[.!?])\s{0,9}[\"'(]?"
        after = r"\b[\"')]?\s{0,9}(?:[.,;!:)]|$|\n)"
        stated = re.search(before + words[0] + after, plain, re.IGNORECASE)
        boxed = re.search(
            r"\\(?:boxed|text\w*|mathrm)\s*\{\s*(?:\\text\w*\s*\{\s*)?" + words[0] + r"\W*\}", content, re.I
        )
        return bool(stated or boxed)
    pattern = r"(?<![A-Za-z])" + r"[\s,\-]+".join(map(re.escape, words)) + r"(?![A-Za-z])"
    return re.search(pattern, plain, re.IGNORECASE) is not None


_NOT_DOUBTED = "".join(
    rf"(?<!(?i:{verb}) )"
    for verb in ("consider", "check", "examine", "exclude", "eliminate", "reject", "unlike", "not")
)
_NOT_DENIED = (
    r"(?![\s$*\"')}\]:,]{0,8}(?i:(?:(?!but\b|and\b)[a-z']+ ){0,4}"
    r"(?:wrong|false|fail(?:s|ed)?|incorrect|not|cannot|impossible|excluded|eliminated|rejected|ruled out)\b))"
)
"What an option is followed by where it is not chosen: its units are wrong."


def _leaks_letter(mentions: Mentions, letter: str) -> bool:
    """A choice or a variable: only where it is stated, since letters name everything in mathematics."""
    bare = r"[\s$*\"'({\\]{0,12}(?:text(?:bf)?|mathrm)?[\s{(]{0,6}" + letter + r"(?![A-Za-z0-9_^'])"
    patterns = [
        r"\\boxed\s*\{" + bare,
        r"\\text(?:bf|rm)?\s*\{\s*\(?" + letter + r"\)?\s*\}",
        r"(?i:\banswer\b(?: (?:is|must be|should be|choice))?:?)" + bare,
    ]
    if letter.isupper():
        patterns.append(_NOT_DOUBTED + r"(?i:\b(?:option|choice|alternative)s?\b)(?i:\s+is)?" + bare + _NOT_DENIED)
    return any(re.search(pattern, mentions.text) for pattern in patterns) or any(
        side.letters == {letter} and len(side.tokens) == 1 and not side.after and mentions.is_stated(side)
        for side in mentions.sides
    )


def _leaks_infinity(mentions: Mentions) -> bool:
    return bool(re.search(r"\binfinite(?:ly many)?\b|\binfinity\b", mentions.text, re.IGNORECASE)) or any(
        [token.text for token in side.tokens] in ([r"\infty"], ["+", r"\infty"])
        and side.before != "->"
        and (mentions.is_stated(side) or _DIVERGES.fullmatch(" ".join(mentions.words_before(side.start, 2))))
        for side in mentions.sides
    )


_DIVERGES = re.compile(r"diverg(?:es?|ing) to")
_NO_SOLUTION = re.compile(
    r"\bno (?:[a-z]+ ){0,2}(?:solution|root)s?\b|\bno such [a-z]+ exists?\b|\bempty set\b", re.IGNORECASE
)
_LAYOUT = re.compile(r"[\s$]+|\\(?:text[a-z]*|math[a-z]+|mbox)(?![A-Za-z])")


def _squeeze(text: str) -> str:
    """A text of any length without layout, each line normalised."""
    return key(_LAYOUT.sub(" ", " ".join(map(normalise, text.splitlines()))))


def _leaks_verbatim(content: str, gold: Gold) -> bool:
    """What could not be read as mathematics: the same characters but for layout, not inside a longer token."""
    needle = _squeeze(gold.text)
    before = r"(?<![\^_\\A-Za-z0-9])" if needle[:1].isalnum() else r"(?<![\^_\\])"
    after = r"(?![A-Za-z0-9])" if needle[-1:].isalnum() else ""
    return len(needle) > 2 and re.search(before + re.escape(needle) + after, _squeeze(content)) is not None
