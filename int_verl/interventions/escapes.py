r"""Backslashes in a string that a model wrote between quotes: JSON escapes, or LaTeX, or both.

A content whose LaTeX is doubled throughout (``\\alpha``) is JSON. One with an escape that JSON does not know
(``\alpha``, ``\(``), or with ``\frac``, ``\theta``, ``\neq`` and no doubled command, was written raw: its backslashes
stand for themselves, ``\n`` stays a newline unless it opens a LaTeX command.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass


def _word_set(text: str) -> frozenset[str]:
    return frozenset(text.split())


_N_COMMANDS = _word_set(
    "nabla natural nbd ncong ne nearrow neg neq newline newcommand nexists ngeq ngeqslant ngtr ni nleftarrow nleq"
    " nleqslant nless nmid nobreak nolimits nonumber normalsize not notag notin nparallel nprec npreceq nrightarrow"
    " nRightarrow nleftrightarrow nLeftrightarrow nLeftarrow nsim nsubseteq nsubset nsucc nsupseteq nu nwarrow"
    " ntriangleleft ntriangleright nVdash nvdash nvDash negthinspace"
)
# What is left of these after a newline is a word or a variable: context decides.
_N_DOUBTFUL = _word_set("ne neg nexists ni nless nmid nparallel nsim nu not")
_T_AND_R_COMMANDS = _word_set(
    "tag tan tanh tau tbinom textbf text textit textrm textsf texttt textstyle textsc textnormal textcolor tfrac"
    " therefore theta thickapprox thicksim thinspace tilde times tiny to top toprule triangle triangledown"
    " triangleleft trianglelefteq triangleq triangleright trianglerighteq twoheadrightarrow tt tg thetag"
    " textdegree textsuperscript textsubscript textbackslash textunderscore textdollar"
    " raise raisebox rangle rank rbrace rbrack rceil ref relax renewcommand rfloor rgroup rho right rightarrow"
    " rightarrowtail rightharpoondown rightharpoonup rightleftarrows rightleftharpoons rightrightarrows"
    " rightsquigarrow risingdotseq rm rmoustache root rule rvert rVert rad rtimes rhd rotatebox rot"
)
_OTHER_COMMANDS = _word_set(
    # b and f are here for the doubled spelling; alone they always stand for themselves before a letter
    "alpha approx arccos arcsin arctan arg angle ast asymp aligned align backslash bar begin beta bf bigcap bigcup"
    " big Big bigg Bigg binom bmod boldsymbol bot boxed bullet cap cases cdot cdots ceil chi circ choose cong cos cot"
    " coth csc cup dagger ddots deg delta Delta det dfrac diamond dim displaystyle div dot dots ell emph empty emptyset"
    " end epsilon equiv eta exists exp fbox flat floor forall frac gamma Gamma gcd ge geq gets gg grave hat hbox hline"
    " hspace iff iiint iint implies in inf infty int iota item ker kappa lambda Lambda land langle lbrace lceil lcm"
    " ldots le left leftarrow Leftarrow leftrightarrow Leftrightarrow leq lfloor lg lim limits liminf limsup ll ln log"
    " longrightarrow Longrightarrow lor lvert lVert mapsto mathbb mathbf mathcal mathfrak mathrm mathsf max mbox mid"
    " min mod mp mu omega Omega operatorname oplus oint otimes over overbrace overline overset parallel partial perp"
    " phi Phi pi Pi pm pmatrix pmod prec prime prod propto psi Psi qquad quad Re Rightarrow S setminus sec sigma Sigma"
    " sim simeq sin sinh sqrt stackrel star subset subseteq substack succ sum sup supset supseteq uparrow underbrace"
    " underline underset upsilon varepsilon varphi varnothing vec vee vdots vert Vert wedge widehat widetilde xi Xi"
    " xrightarrow zeta bigl bigr Bigl Bigr biggl biggr bigoplus bigl bmatrix bf bigstar blacksquare because beth"
    " between bowtie frown"
)
_LONG_T_AND_R = tuple(command for command in _T_AND_R_COMMANDS if len(command) >= 4)
_ALL_COMMANDS = _N_COMMANDS | _T_AND_R_COMMANDS | _OTHER_COMMANDS
_ESCAPE = re.compile(r"(?P<slashes>\\+)(?P<word>(?P<unicode>u[0-9a-fA-F]{4})|[A-Za-z]*)|\$")
_LEFT_NEWLINE = re.compile(r"(?<![\\`'\"])\\n[A-Za-z]*")
_SURROGATES = re.compile(r"[\ud800-\udfff]")
_CONTROL = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


@dataclass(frozen=True, slots=True)
class _Style:
    """How the backslashes of a text were written."""

    json: bool
    "Nothing speaks against JSON."
    raw: bool
    "They stand for themselves."
    escaped: bool
    "Commands are doubled, and the text is not raw."
    halved: frozenset[str]
    "Marks before which two backslashes mean one where the text is raw."


def unescape(raw: str) -> str:
    r"""A string literal's inside as the model meant it.

    Examples (what the model wrote, what it meant):
        ``$\\frac{1}{2}$\nSo`` and ``$\frac{1}{2}$\nSo`` both mean ``$\frac{1}{2}$``, a newline, ``So``.
        ``First.\\n\\nSo`` was escaped twice, and means two newlines before ``So``.
        ``\begin{cases} 1 \\ 2 \end{cases}`` was written raw: the line break keeps its two backslashes.
    """
    meant = _unescape_once(raw)
    # Escaped twice: what is left of a newline is a backslash before a word that no command begins with.
    return _unescape_once(meant) if any(m[0][1:] not in _N_COMMANDS for m in _LEFT_NEWLINE.finditer(meant)) else meant


def _unescape_once(raw: str) -> str:
    if "\\" not in raw:
        return _well_formed(raw)
    style = _style(raw)
    if style.json:
        try:
            return _well_formed(json.loads(f'"{raw}"', strict=False))
        except ValueError:
            pass  # quotes that JSON would escape
    pieces: list[str] = []
    end = dollars = depth = 0
    for m in _ESCAPE.finditer(raw):
        pieces.append(raw[end : m.start()])
        end = m.end()
        if m["slashes"] is None:
            dollars += 1
            pieces.append("$")
            continue
        word, following = m["word"], raw[end : end + 1]
        if word in ("begin", "end"):
            depth += 1 if word == "begin" else -1
        elif not word and following and following in "()[]":
            depth += 1 if following in "([" else -1
        in_math = dollars % 2 == 1 or depth > 0 or (dollars % 4 == 2 and raw.startswith("$$", max(0, m.start() - 2)))
        kept, is_escape = _backslashes(m, following, style)
        piece, end = _one_escape(raw, m, in_math, style) if is_escape else (word, end)
        pieces.append("\\" * kept + piece)
    pieces.append(raw[end:])
    return _well_formed("".join(pieces))


def _style(raw: str) -> _Style:
    invalid = judged = False
    raw_count = doubled_count = 0
    singles: set[str] = set()
    doubles: set[str] = set()
    for m in _ESCAPE.finditer(raw):
        if m["slashes"] is None:
            continue
        word, following = m["word"], raw[m.end() : m.end() + 1]
        if len(m["slashes"]) % 2:
            if m["unicode"]:
                continue
            if word:
                is_command = word[0] not in _CONTROL or _is_raw_command(word[:40])
                invalid = invalid or word[0] not in _CONTROL
                judged = judged or is_command or word in _N_DOUBTFUL
                raw_count += is_command
            elif following and following not in "\"'/":
                invalid = True
                singles.add(following)
        elif word[:40] in _ALL_COMMANDS or len(m["slashes"]) >= 4:
            doubled_count += 1
        elif not word and following:
            doubles.add(following)
            doubled_count += following in "()[]{},;!|"
    is_raw = invalid or raw_count > doubled_count
    # A bracket that nothing closes follows a line break, as in \\[4pt].
    halved = {mark for mark in doubles - singles if mark in "()[]{},;!%$_#\"'"}
    halved -= {opening for opening, closing in ("[]", "()") if closing not in doubles}
    return _Style(
        json=not (invalid or judged),
        raw=is_raw,
        escaped=not is_raw and doubled_count > raw_count,
        halved=frozenset(halved),
    )


def _backslashes(m: re.Match[str], following: str, style: _Style) -> tuple[int, bool]:
    """How many backslashes a run of them leaves, and whether its last one is an escape besides."""
    slashes, word = len(m["slashes"]), m["word"]
    if not style.raw:
        return slashes // 2, slashes % 2 == 1
    if slashes == 2:
        halve = (len(word) > 1 and word[:40] in _ALL_COMMANDS) or (not word and following in style.halved)
        return (1 if halve else 2), False
    if slashes > 3:
        return (slashes + 1) // 2, False
    return slashes - 1, True


def _one_escape(raw: str, m: re.Match[str], in_math: bool, style: _Style) -> tuple[str, int]:
    """What a single backslash with what follows means, and where reading goes on."""
    word, end = m["word"], m.end()
    if not word:
        following = raw[end : end + 1]
        return (following, end + 1) if following and following in "\"'/" else ("\\", end)
    first, rest = word[0], word[1:]
    if m["unicode"]:
        return chr(int(rest, 16)), end
    if first == "n" and word in _N_DOUBTFUL:
        is_command = _is_doubtful_command(raw, m, in_math, style)
    else:
        is_command = first not in _CONTROL or _is_raw_command(word[:40]) or (style.raw and first in "bf")
    return ("\\" + word if is_command else _CONTROL[first] + rest), end


def _is_raw_command(word: str) -> bool:
    """Whether ``\\word``, read by JSON as a control character and text, is LaTeX beyond doubt."""
    if word[0] == "n":
        return word in _N_COMMANDS and word not in _N_DOUBTFUL
    if word[0] in "tr":
        return word in _T_AND_R_COMMANDS or word.startswith(_LONG_T_AND_R)
    return word[0] in "bf" and len(word) > 1


def _is_doubtful_command(raw: str, m: re.Match[str], in_math: bool, style: _Style) -> bool:
    r"""``\nu``: the letter, or a newline and a variable u? Doubled LaTeX elsewhere or a sentence before: a newline."""
    word, before = m["word"], raw[m.start() - 1 : m.start()]
    if style.escaped:
        return in_math and before != "" and before in " {(=+-*/,^_|"
    if word == "ni":
        return in_math and before in (" ", "}", ")")
    return word == "ne" or in_math or not (before.isalpha() or before in ".,:;!?)$\"'")


def _well_formed(text: str) -> str:
    """Surrogate pairs joined; a lone half, which no UTF-8 file can hold, becomes U+FFFD."""
    if not _SURROGATES.search(text):
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
