r"""Backslashes in a string that a model wrote between quotes: JSON escapes, or LaTeX, or both.

A content whose LaTeX is doubled throughout (``\\alpha``) is JSON. One with an
escape that JSON does not know (``\alpha``, ``\(``), or with ``\frac``, ``\theta``, ``\neq`` and no doubled command,
was written raw: its backslashes stand for themselves, ``\n`` stays a newline unless it opens a LaTeX command.
"""

from __future__ import annotations

import json
import re


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
_T_COMMANDS = _word_set(
    "t tag tan tanh tau tbinom textbf text textit textrm textsf texttt textstyle textsc textnormal textcolor tfrac"
    " therefore theta thickapprox thicksim thinspace tilde times tiny to top toprule triangle triangledown"
    " triangleleft trianglelefteq triangleq triangleright trianglerighteq twoheadrightarrow tt tg th thetag"
    " textdegree textsuperscript textsubscript textbackslash textunderscore textdollar"
) - {"t", "th"}
_R_COMMANDS = _word_set(
    "raise raisebox rangle rank rbrace rbrack rceil ref relax renewcommand rfloor rgroup rho right rightarrow"
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
_LONG_T_R = tuple(sorted((c for c in _T_COMMANDS | _R_COMMANDS if len(c) >= 4), key=len, reverse=True))
_ALL_COMMANDS = _N_COMMANDS | _T_COMMANDS | _R_COMMANDS | _OTHER_COMMANDS
_ESCAPE = re.compile(r"(\\+)(u[0-9a-fA-F]{4}|[A-Za-z]*)|\$")
_SURROGATES = re.compile(r"[\ud800-\udfff]")
_CONTROL = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


def _is_raw_command(word: str) -> bool:
    """Whether ``\\word``, read by JSON as a control character and text, is LaTeX beyond doubt."""
    first = word[:1]
    if first in "bf" and first:
        return len(word) > 1
    if first == "n":
        return word in _N_COMMANDS and word not in _N_DOUBTFUL
    if first in "tr" and first:
        return word in _T_COMMANDS or word in _R_COMMANDS or word.startswith(_LONG_T_R)
    return False


def unescape(raw: str) -> str:
    r"""A string literal's inside as the model meant it.

    Examples (what the model wrote, what it meant):
        ``$\\frac{1}{2}$\nSo`` and ``$\frac{1}{2}$\nSo`` both mean ``$\frac{1}{2}$``, a newline, ``So``.
        ``\begin{cases} 1 \\ 2 \end{cases}`` was written raw: the line break keeps its two backslashes.
    """
    if "\\" not in raw:
        return _well_formed(raw)
    matches = list(_ESCAPE.finditer(raw))
    invalid = judged = False
    raw_count = doubled_count = 0
    singles: set[str] = set()
    doubles: set[str] = set()
    for m in matches:
        if m[1] is None:
            continue
        word, following = m[2], raw[m.end() : m.end() + 1]
        if len(m[1]) % 2:
            if word:
                if len(word) == 5 and word[0] == "u" and word[1:].strip("0123456789abcdefABCDEF") == "":
                    continue
                invalid = invalid or word[0] not in "bfnrt"
                is_command = word[0] not in "bfnrt" or _is_raw_command(word[:40])
                raw_count += is_command
                judged = judged or is_command or word in _N_DOUBTFUL
            elif following and following not in "\"'/":
                invalid = True
                singles.add(following)
        elif (word and word[:40] in _ALL_COMMANDS) or len(m[1]) >= 4:
            doubled_count += 1
        elif not word and following:
            doubles.add(following)
            doubled_count += following in "()[]{},;!|"
    if not (invalid or judged):
        try:
            return _well_formed(json.loads(f'"{raw}"', strict=False))
        except ValueError:
            pass  # quotes that JSON would escape
    is_raw = invalid or raw_count > doubled_count
    pieces: list[str] = []
    end = 0
    dollars = depth = 0
    for m in matches:
        pieces.append(raw[end : m.start()])
        end = m.end()
        if m[1] is None:
            dollars += 1
            pieces.append("$")
            continue
        slashes, word, following = len(m[1]), m[2], raw[end : end + 1]
        if word in ("begin", "end"):
            depth += 1 if word == "begin" else -1
        elif not word and following in ("(", "[", ")", "]") and following:
            depth += 1 if following in "([" else -1
        in_math = dollars % 2 == 1 or depth > 0 or (dollars % 4 == 2 and raw.startswith("$$", max(0, m.start() - 2)))
        if not is_raw:
            pieces.append("\\" * (slashes // 2))
            if slashes % 2:
                piece, end = _one_escape(raw, m, in_math, raw_style=False, escaped_style=doubled_count > raw_count)
                pieces.append(piece)
            else:
                pieces.append(word)
        elif slashes == 1:
            piece, end = _one_escape(raw, m, in_math, raw_style=True, escaped_style=False)
            pieces.append(piece)
        elif slashes == 2:
            halve = (word[:40] in _ALL_COMMANDS and len(word) > 1) or (
                not word and following != "" and following in doubles - singles and following in "()[]{},;!%$_#\"'"
            )
            if not word and following in ("[", "(") and {"[": "]", "(": ")"}[following] not in doubles:
                halve = False  # a line break, as in \\[4pt]
            pieces.append(("\\" if halve else "\\\\") + word)
        elif slashes == 3:
            piece, end = _one_escape(raw, m, in_math, raw_style=True, escaped_style=False)
            pieces.append("\\\\" + piece)
        else:
            pieces.append("\\" * ((slashes + 1) // 2) + word)
    pieces.append(raw[end:])
    return _well_formed("".join(pieces))


def _one_escape(raw: str, m: re.Match[str], in_math: bool, *, raw_style: bool, escaped_style: bool) -> tuple[str, int]:
    """What a single backslash with what follows means, and where reading goes on."""
    word, end = m[2], m.end()
    if not word:
        following = raw[end : end + 1]
        if following and following in "\"'/":
            return following, end + 1
        return "\\", end
    first, rest = word[0], word[1:]
    if first == "u" and len(word) == 5 and all(c in "0123456789abcdefABCDEF" for c in rest):
        return chr(int(rest, 16)), end
    if first not in _CONTROL or _is_raw_command(word[:40]):
        return "\\" + word, end
    if first == "n" and word in _N_DOUBTFUL:
        return ("\\" + word if _is_doubtful_command(raw, m, in_math, escaped_style) else "\n" + rest), end
    if first in "bf" and raw_style:
        return "\\" + word, end
    return _CONTROL[first] + rest, end


def _is_doubtful_command(raw: str, m: re.Match[str], in_math: bool, escaped_style: bool) -> bool:
    r"""``\nu``: the letter, or a newline and a variable u? Doubled LaTeX elsewhere or a sentence before: a newline."""
    word, before = m[2], raw[m.start() - 1 : m.start()]
    if escaped_style:
        return in_math and before != "" and before in " {(=+-*/,^_|"
    if word == "ni":
        return in_math and before in (" ", "}", ")")
    if word == "ne":
        return True
    return in_math or not (before.isalpha() or before in ".,:;!?)$\"'")


def _well_formed(text: str) -> str:
    """Surrogate pairs joined; a lone half, which no UTF-8 file can hold, becomes U+FFFD."""
    if not _SURROGATES.search(text):
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
