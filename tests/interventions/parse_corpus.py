# ruff: noqa: E501
"""Verifiers' answers as models write them, with what they mean: (content, location), or the reason of the refusal."""

CHECKS = """Substep 1
- Attempt says: "Let $a_n$ be the number of such words"
- Reference says: "Let $a_n$ denote the number of admissible words of length $n$."
- Check: the same definition.
- Substep 1 verdict: CORRECT

Substep 2
- Attempt says: "so $a_2 = 3$"
- Reference says: "we have $a_2 = 4$"
- Check: the words are aa, ab, ba, bb; none is excluded.
- Substep 2 verdict: WRONG

First critical error: Substep 2
"""


def block(body: str) -> str:
    """A block on lines of its own, after the checks."""
    return f"{CHECKS}\n<intervention>\n{body}\n</intervention>"


Expected = tuple[str, int] | str
CASES: list[tuple[str, Expected]] = []


def case(text: str, expected: Expected) -> None:
    CASES.append((text, expected))


# ------------------------------------------------------------------------------------------------------ plain JSON
case(block(r'{ "content": "Step 2: times 9, 13 -> 2", "location": 2 }'), ("Step 2: times 9, 13 -> 2", 2))
case(
    'Substep 2: times 9, 13 -> 10; second 2 wrong.\n\n<intervention>\n{ "content": "Step 2: times 9, 13 -> 2", "location": 2 }\n</intervention>',
    ("Step 2: times 9, 13 -> 2", 2),
)
case(block('{"content": "Count again.", "location": 1}'), ("Count again.", 1))
case(block('{"location": 7, "content": "Count again."}'), ("Count again.", 7))
case(block('{\n  "content": "Count again.",\n  "location": 3\n}'), ("Count again.", 3))
case(block('{\n    "location": 3,\n    "content": "Count again."\n}\n'), ("Count again.", 3))
case(block(r'{"content": "First line.\nSecond line.", "location": 3}'), ("First line.\nSecond line.", 3))
case(block(r'{"content": "First part.\n\nSecond part.", "location": 3}'), ("First part.\n\nSecond part.", 3))
case(block(r'{"content": "One.\n\n\nTwo.", "location": 3}'), ("One.\n\n\nTwo.", 3))
case(block(r'{"content": "We call this \"good\".", "location": 4}'), ('We call this "good".', 4))
case(block(r'{"content": "Caf\u00e9 \u2264 \ud835\udc65", "location": 4}'), ("Café ≤ 𝑥", 4))
case(block(r'{"content": "a\/b", "location": 4}'), ("a/b", 4))
case(block(r'{"content": "a\tb", "location": 4}'), ("a\tb", 4))
case(block('{"critical_error": "miscounted", "content": "Count again.", "location": 2}'), ("Count again.", 2))
case(block('{"content": "Count again.", "location": 2, "confidence": 0.9}'), ("Count again.", 2))
case(block('{"content": "Count again.", "reasoning": "it, says: {so}", "location": 2}'), ("Count again.", 2))
case(block('{"Content": "Count again.", "Location": 2}'), ("Count again.", 2))
case(block('[{"content": "Count again.", "location": 2}]'), ("Count again.", 2))
case(block('{"content": "Let S = {1, 2}, so |S| is even.", "location": 5}'), ("Let S = {1, 2}, so |S| is even.", 5))
case(
    block('{"content": "Write f(x) := x, and location = 3 there.", "location": 5}'),
    ("Write f(x) := x, and location = 3 there.", 5),
)
case('<intervention>{"content":"Count again.","location":2}</intervention>', ("Count again.", 2))
case('text <intervention> {"content": "Count again.", "location": 2} </intervention> more text', ("Count again.", 2))
case('**<intervention>**\n{"content": "Count again.", "location": 2}\n**</intervention>**', ("Count again.", 2))
case('<Intervention>\n{"content": "Count again.", "location": 2}\n</Intervention>', ("Count again.", 2))
case('< intervention >\n{"content": "Count again.", "location": 2}\n</ intervention >', ("Count again.", 2))
case('<INTERVENTION>\r\n{"content": "Count again.", "location": 2}\r\n</INTERVENTION>', ("Count again.", 2))

# ------------------------------------------------------------------------------------------------- LaTeX in strings
case(block(r'{"content": "Use $\\frac{a}{b} \\neq \\theta$.", "location": 2}'), (r"Use $\frac{a}{b} \neq \theta$.", 2))
case(block(r'{"content": "Use $\frac{a}{b} \neq \theta$.", "location": 2}'), (r"Use $\frac{a}{b} \neq \theta$.", 2))
case(block(r'{"content": "So $x \times y = \beta \rho$.", "location": 2}'), (r"So $x \times y = \beta \rho$.", 2))
case(
    block(r'{"content": "Let $\nu = 3$ and $\nabla f = 0$.", "location": 2}'), (r"Let $\nu = 3$ and $\nabla f = 0$.", 2)
)
case(
    block(r'{"content": "Let $\\nu = 3$.\nThen $\\nabla f = 0$.", "location": 2}'),
    ("Let $\\nu = 3$.\nThen $\\nabla f = 0$.", 2),
)
case(block(r'{"content": "We get $\text{lcm}(a, b)$.", "location": 2}'), (r"We get $\text{lcm}(a, b)$.", 2))
case(block(r'{"content": "We get $\\text{lcm}(a, b)$.", "location": 2}'), (r"We get $\text{lcm}(a, b)$.", 2))
case(block(r'{"content": "Note $\alpha\beta\gamma \to 0$.", "location": 2}'), (r"Note $\alpha\beta\gamma \to 0$.", 2))
case(block(r'{"content": "By \(x\) and \[y\].", "location": 2}'), (r"By \(x\) and \[y\].", 2))
case(block(r'{"content": "By \\(x\\) and \\[y\\].", "location": 2}'), (r"By \(x\) and \[y\].", 2))
case(
    block(r'{"content": "Let \(S = \{1, 2\}\), so \(\lvert S \rvert\) is even.", "location": 2}'),
    (r"Let \(S = \{1, 2\}\), so \(\lvert S \rvert\) is even.", 2),
)
case(block(r'{"content": "Let $S = \\{1, 2\\}$.", "location": 2}'), (r"Let $S = \{1, 2\}$.", 2))
case(
    block(r'{"content": "Then\n$$\frac{a}{b}$$\nand so on.", "location": 2}'), ("Then\n$$\\frac{a}{b}$$\nand so on.", 2)
)
case(
    block(r'{"content": "First, $\sqrt{2}$.\n\nNow $\tan x$.", "location": 2}'),
    ("First, $\\sqrt{2}$.\n\nNow $\\tan x$.", 2),
)
case(
    block(r'{"content": "First, $\sqrt{2}$.\nNow $\tan x$.\nTherefore $r = 1$.\nThus.", "location": 2}'),
    ("First, $\\sqrt{2}$.\nNow $\\tan x$.\nTherefore $r = 1$.\nThus.", 2),
)
case(
    block(r'{"content": "$\\sqrt{2}$.\nNote.\nnext.\nnumber.", "location": 2}'),
    ("$\\sqrt{2}$.\nNote.\nnext.\nnumber.", 2),
)
case(block(r'{"content": "\begin{cases} 1 \\ 2 \end{cases}", "location": 2}'), (r"\begin{cases} 1 \\ 2 \end{cases}", 2))
case(
    block(r'{"content": "\\begin{cases} 1 \\\\ 2 \\end{cases}", "location": 2}'),
    (r"\begin{cases} 1 \\ 2 \end{cases}", 2),
)
case(
    block(r'{"content": "\begin{align} a &= b \\ &= c \end{align}", "location": 2}'),
    (r"\begin{align} a &= b \\ &= c \end{align}", 2),
)
case(
    block('{"content": "\\begin{align}\na &= b \\\\\n&= c\n\\end{align}", "location": 2}'),
    ("\\begin{align}\na &= b \\\\\n&= c\n\\end{align}", 2),
)
case(
    block(r'{"content": "\begin{pmatrix} a & b \\[4pt] c & d \end{pmatrix}", "location": 2}'),
    (r"\begin{pmatrix} a & b \\[4pt] c & d \end{pmatrix}", 2),
)
case(
    block(r'{"content": "Here \sqrt{2} and \\frac{1}{2} are mixed.", "location": 2}'),
    (r"Here \sqrt{2} and \frac{1}{2} are mixed.", 2),
)
case(
    block(r'{"content": "Mixed: $\\alpha$, then $\frac{1}{2}$ and $\\beta \\gamma$.", "location": 2}'),
    (r"Mixed: $\alpha$, then $\frac{1}{2}$ and $\beta \gamma$.", 2),
)
case(
    block(r'{"content": "$x\neq y$, $a\ne b$, $A \not\subset B$, $k \notin S$", "location": 2}'),
    (r"$x\neq y$, $a\ne b$, $A \not\subset B$, $k \notin S$", 2),
)
case(block(r'{"content": "$a \nmid b$ and $p \nleq q$", "location": 2}'), (r"$a \nmid b$ and $p \nleq q$", 2))
case(
    block(r'{"content": "$\forall x \exists y$: $\bar{x} = \binom{n}{k}$, $\boxed{}$ last", "location": 2}'),
    (r"$\forall x \exists y$: $\bar{x} = \binom{n}{k}$, $\boxed{}$ last", 2),
)
case(
    block(r'{"content": "$\right)$ and $\rangle$, $\Rightarrow$", "location": 2}'),
    (r"$\right)$ and $\rangle$, $\Rightarrow$", 2),
)
case(
    block(r'{"content": "$\tau + \tilde{x} + \tfrac12 + \therefore$", "location": 2}'),
    (r"$\tau + \tilde{x} + \tfrac12 + \therefore$", 2),
)
case(
    block(r'{"content": "$\underbrace{2\cdots2}_n$ and $\unicode$", "location": 2}'),
    (r"$\underbrace{2\cdots2}_n$ and $\unicode$", 2),
)
case(block(r'{"content": "50\% of 100\$ is \#1 \& more", "location": 2}'), (r"50\% of 100\$ is \#1 \& more", 2))
case(block(r'{"content": "A \ b \, c \; d \! e", "location": 2}'), (r"A \ b \, c \; d \! e", 2))
case(block(r'{"content": "$\beta\nTherefore$ x", "location": 2}'), ("$\\beta\nTherefore$ x", 2))
case(block(r'{"content": "Suppose so.\nu = 3 would follow.", "location": 2}'), ("Suppose so.\nu = 3 would follow.", 2))
case(
    block(r'{"content": "Thus $a\\equiv b \\pmod{n}$.\nIf so, done.", "location": 2}'),
    ("Thus $a\\equiv b \\pmod{n}$.\nIf so, done.", 2),
)
case(block(r"""{'content': 'Use $\\frac{a}{b}$ and $\pi$.', 'location': 2}"""), (r"Use $\frac{a}{b}$ and $\pi$.", 2))
case(block(r'{"content": r"Use $\frac{a}{b}$ and $\pi$.", "location": 2}'), (r"Use $\frac{a}{b}$ and $\pi$.", 2))
case(
    block(r'{"content": "$f: \mathbb{R} \to \mathbb{R}$, $f(x) = \ln x$", "location": 2}'),
    (r"$f: \mathbb{R} \to \mathbb{R}$, $f(x) = \ln x$", 2),
)
case(
    block(r'{"content": "\\textbf{Claim.} $2^{10} \\cdot 3$", "location": 2}'), (r"\textbf{Claim.} $2^{10} \cdot 3$", 2)
)
case(block(r'{"content": "\textbf{Claim.} $2^{10} \cdot 3$", "location": 2}'), (r"\textbf{Claim.} $2^{10} \cdot 3$", 2))
case(block(r'{"content": "ends with a command \\pi", "location": 2}'), (r"ends with a command \pi", 2))
case(block(r'{"content": "$\theta$", "location": 2}'), (r"$\theta$", 2))
case(block(r'{"content": "$$\nu(n) = \sum_{d \mid n} 1$$", "location": 2}'), (r"$$\nu(n) = \sum_{d \mid n} 1$$", 2))
case(block(r'{"content": "Thus:\n$$\nx = 3 \cdot k\n$$\n", "location": 2}'), ("Thus:\n$$\nx = 3 \\cdot k\n$$\n", 2))
case(block(r'{"content": "- item\n- item $\\ge 2$\n- item", "location": 2}'), ("- item\n- item $\\ge 2$\n- item", 2))

# ------------------------------------------------------------------------------------------------- quotes of all kinds
case(block("{'content': 'Count again.', 'location': 2}"), ("Count again.", 2))
case(block("{'content': 'It's the pair that's missing.', 'location': 2}"), ("It's the pair that's missing.", 2))
case(block("{'content': 'He says \"yes\" to it', 'location': 2}"), ('He says "yes" to it', 2))
case(block(r"{'content': 'It\'s missing.', 'location': 2}"), ("It's missing.", 2))
case(block("{'content': \"It's missing.\", 'location': '2'}"), ("It's missing.", 2))
case(block(r'{"content": "It\'s missing.", "location": 2}'), ("It's missing.", 2))
case(block('{"content": """Count again.""", "location": 2}'), ("Count again.", 2))
case(block('{"content": """\nCount again.\n\nThen add.\n""", "location": 2}'), ("Count again.\n\nThen add.", 2))
case(block("{'content': '''Count \"again\", it's fine.''', 'location': 2}"), ('Count "again", it\'s fine.', 2))
case(block('{"content": """We say "yes".""", "location": 2}'), ('We say "yes".', 2))
case(block('{"content": """He said "no"""", "location": 2}'), ('He said "no"', 2))
case(block('{"content": """Use $\\frac{1}{2}$ and $\\nu$.""", "location": 2}'), (r"Use $\frac{1}{2}$ and $\nu$.", 2))
case(block("{“content”: “Count again.”, “location”: 2}"), ("Count again.", 2))
case(block('{content: "Count again.", location: 2}'), ("Count again.", 2))
case(block('{"content": `Count again.`, "location": 2}'), ("Count again.", 2))
case(block('{"content" : "Count again." , "location" : 2 }'), ("Count again.", 2))
case(block('{"content"= "Count again.", "location"= 2}'), ("Count again.", 2))

# ------------------------------------------------------------------------------------ unescaped newlines and quotes
case(block('{"content": "Count again.\nThen add.", "location": 2}'), ("Count again.\nThen add.", 2))
case(block('{"content": "Count again.\n\nThen add.", "location": 2}'), ("Count again.\n\nThen add.", 2))
case(block('{"content": "\nCount again.\n", "location": 2}'), ("Count again.", 2))
case(
    block('{"content": "We call a word "good" if it has no a.", "location": 2}'),
    ('We call a word "good" if it has no a.', 2),
)
case(block('{"content": "A word is "good"", "location": 2}'), ('A word is "good"', 2))
case(block('{"content": ""Good" words are counted.", "location": 2}'), ('"Good" words are counted.', 2))
case(block('{"content": "Say "a", "b" and "c".", "location": 2}'), ('Say "a", "b" and "c".', 2))
case(block('{"location": 2, "content": "Say "a" and "b""}'), ('Say "a" and "b"', 2))
case(block('{"location": 2, "content": "the set {"a", "b"} is closed"}'), ('the set {"a", "b"} is closed', 2))
case(
    block('{"content": "He says "so:\n\n$x = 1$" and stops.", "location": 2}'),
    ('He says "so:\n\n$x = 1$" and stops.', 2),
)
case(block('{"content": "Use "f" twice", "why": "it is "linear", clearly", "location": 2}'), ('Use "f" twice', 2))
case(block('{"content": "Count again.\\\nThen add.", "location": 2}'), ("Count again.\\\nThen add.", 2))

# ------------------------------------------------------------------------------------------- commas, braces, comments
case(block('{"content": "Count again.", "location": 2,}'), ("Count again.", 2))
case(block('{\n"content": "Count again.",\n"location": 2,\n}'), ("Count again.", 2))
case(block('{"location": 2, "content": "Count again.",}'), ("Count again.", 2))
case(block('{"content": "Count again." "location": 2}'), ("Count again.", 2))
case(block('{"content": "Count again."\n"location": 2}'), ("Count again.", 2))
case(block('{"content": "Count again.", "location": 2'), ("Count again.", 2))
case(block('"content": "Count again.", "location": 2'), ("Count again.", 2))
case(block('"content": "Count again.",\n"location": 2}'), ("Count again.", 2))
case(block('{"content": "Count again.", "location": 2}}'), ("Count again.", 2))
case(block('{{"content": "Count again.", "location": 2}}'), ("Count again.", 2))
case(block('{"content": "Count again.", "location": 2};'), ("Count again.", 2))
case(block('{\n"content": "Count again.", // better\n"location": 2 // first error\n}'), ("Count again.", 2))
case(block('{"content": "Count again.", # better\n"location": 2}'), ("Count again.", 2))
case(block('{"content": "Count again.,\n"location": 2}'), ("Count again.,", 2))
case(block(r"{\"content\": \"Count \\\\alpha again.\", \"location\": 2}"), (r"Count \alpha again.", 2))

case(block('{"location": 2, "content": "Count again."}\n(This is the passage.)'), ("Count again.", 2))
case(block('{"content": "Count again.", "location": 2}\nThe passage gives no answer.'), ("Count again.", 2))
case(block('{"content": Count again, then add., "location": 2}'), ("Count again, then add.", 2))
case(block('{"content": ["Count again.", "Then add."], "location": 2}'), "not_parsed")
case(block('{"content": {"text": "Count again."}, "location": 2}'), "not_parsed")
case(block('{"content": "Count again.\r\n\r\nThen add.",\r\n"location": 2}'), ("Count again.\n\nThen add.", 2))
case(block('{"content": "Count again.", "location": 2}\n{"content": "final", "location": 3}'), ("final", 3))

# ------------------------------------------------------------------------------------------------------- code fences
case(block('```json\n{"content": "Count again.", "location": 2}\n```'), ("Count again.", 2))
case(block('```\n{"content": "Count again.", "location": 2}\n```'), ("Count again.", 2))
case('```json\n<intervention>\n{"content": "Count again.", "location": 2}\n</intervention>\n```', ("Count again.", 2))
case('```xml\n<intervention>{"content": "Count again.", "location": 2}</intervention>\n```', ("Count again.", 2))
case(block('```python\n{"content": "Count again.", "location": 2}\n```'), ("Count again.", 2))
case(block('json\n{"content": "Count again.", "location": 2}'), ("Count again.", 2))
case(block('Here is the block:\n{"content": "Count again.", "location": 2}'), ("Count again.", 2))
case(
    block('{"content": "Use this:\\n```python\\nfor i in range(n):\\n    s += i\\n```", "location": 2}'),
    ("Use this:\n```python\nfor i in range(n):\n    s += i\n```", 2),
)
case(block('{"content": "Print with `\\\\n` at the end", "location": 2}'), ("Print with `\\n` at the end", 2))
case(block('`{"content": "Count again.", "location": 2}`'), ("Count again.", 2))

# --------------------------------------------------------------------------------------------------------- locations
for written, number in (
    ('"2"', 2), ('"Substep 12"', 12), ('"Step 12"', 12), ('"substep 12"', 12), ('"Substep 12:"', 12), ('"**Substep 12**"', 12),
    ('"Substep #12"', 12), ('"substep_12"', 12), ("12.0", 12), ("Substep 12", 12), ('"12."', 12), ('"12th substep"', 12),
    ('"Substep 12 of 15"', 12), ('"12/15"', 12), ('"Substep twelve"', 12), ("[12]", 12), ('"before Substep 12"', 12),
    ('"Substep 12 (the bound on $x^2$)"', 12), ('"at substep 12"', 12), ("'12'", 12), ('"Substep 12: the sum over 3 terms"', 12),
    ("012", 12), ('" 12 "', 12),
):  # fmt: skip
    case(block(f'{{"content": "Count again.", "location": {written}}}'), ("Count again.", number))
for written in (
    "0", "-1", '"-3"', "2.5", '"Substeps 3-4"', '"Substep 3 and Substep 4"', '"3, 4"', '"the beginning"', "true", '"after Substep 3"',
    "1e9", "99999999999999999999", '"Substep 0"', '"Substep 3 to 5"', '"[3, 4]"', '"last"', '"Substep x"',
):  # fmt: skip
    case(block(f'{{"content": "Count again.", "location": {written}}}'), "bad_location")
for written in ("null", "None", '""', '"none"', '"N/A"'):
    case(block(f'{{"content": "Count again.", "location": {written}}}'), "no_location")
case(block('{"content": "Count again."}'), "no_location")
case(block('{"content": "Count again.", "position": 2}'), "no_location")

# ------------------------------------------------------------------------------------- several blocks, text, thinking
case(
    block('{"content": "draft", "location": 3}')
    + "\n\nCheck: it leaks. Again:\n\n"
    + block('{"content": "final", "location": 2}'),
    ("final", 2),
)
case(
    block('{"content": "draft", "location": 3}') + "\nRevised: none needed.\n<intervention>\n</intervention>",
    "empty_block",
)
case(block("") + "\nWait, there is one.\n" + block('{"content": "final", "location": 2}'), ("final", 2))
case(
    block('{"content": "final", "location": 2}') + "\n\nThis intervention restates the count. It has no answer.",
    ("final", 2),
)
case(block('{"content": "final", "location": 2}') + "\n\nThe `<intervention>` block above is final.", ("final", 2))
case(block('{"content": "final", "location": 2}') + "\n\nI closed the <intervention> block as asked.", ("final", 2))
case("I will end with an `<intervention>` block.\n\n" + block('{"content": "final", "location": 2}'), ("final", 2))
case("I will end with an <intervention> block.\n\n" + block('{"content": "final", "location": 2}'), ("final", 2))
case("The tags are `<intervention></intervention>`.\n\n" + block('{"content": "final", "location": 2}'), ("final", 2))
case(
    '<think>\n<intervention>{"content": "draft", "location": 9}</intervention>\n</think>\n'
    + block('{"content": "final", "location": 2}'),
    ("final", 2),
)
case(
    'thinking\n<intervention>{"content": "draft", "location": 9}</intervention>\n</think>\nThere is nothing to add.',
    "no_block",
)
case('<think>\n<intervention>{"content": "draft", "location": 9}</intervention>\nHmm, wait', "no_block")
case('<intervention>{"content": "final", "location": 2}<intervention>', ("final", 2))
case('{"content": "final", "location": 2}\n</intervention>', ("final", 2))
case(block('[{"content": "draft", "location": 3}, {"content": "final", "location": 2}]'), ("final", 2))

# ----------------------------------------------------------------------------------------------------------- cut off
case(CHECKS + "\n<intervention>", "unclosed_block")
case(CHECKS + "\n<intervention>\n", "unclosed_block")
case(CHECKS + "\n<intervention>\n{", "unclosed_block")
case(CHECKS + '\n<intervention>\n{"content": "Count aga', "unclosed_block")
case(CHECKS + '\n<intervention>\n{"content": "Count again.', "unclosed_block")
case(CHECKS + '\n<intervention>\n{"content": "Count again."', "unclosed_block")
case(CHECKS + '\n<intervention>\n{"content": "Count again.", "loca', "unclosed_block")
case(CHECKS + '\n<intervention>\n{"content": "Count again.", "location":', "unclosed_block")
case(CHECKS + '\n<intervention>\n{"content": "Count again.", "location": 1', "unclosed_block")
case(CHECKS + '\n<intervention>\n```json\n{"content": "Count', "unclosed_block")
case(CHECKS + '\n<intervention>\n{"content": "Count again.", "location": 12}', ("Count again.", 12))
case(CHECKS + '\n<intervention>\n{"content": "Count again.", "location": 12}\n</interv', ("Count again.", 12))
case(block('{"content": "draft", "location": 3}') + '\nRevised:\n<intervention>\n{"content": "fin', "unclosed_block")
case(CHECKS, "no_block")
case(CHECKS + "\nFirst critical err", "no_block")
case("", "no_block")
case("\n\n", "no_block")
case("The attempt is correct throughout.", "no_block")
case("I cannot verify this attempt.", "no_block")

# ------------------------------------------------------------------------------------------------- empty and unusable
for body in (
    "", " ", "\n", "{}", "{ }", "null", "None", "[]", '""', "N/A", "No critical error.", "No critical error was found in the attempt.",
    "```\n```", '{"content": null, "location": null}', '{"content": "", "location": null}', '{"content": "", "location": ""}',
    '{"content": "None", "location": "None"}', '{"content": "", "location": 0}', '{"content": null}', "(none)", "no error", "...".replace("...", "{}"),
):  # fmt: skip
    case(block(body), "empty_block")
case("<intervention></intervention>", "empty_block")
case("<intervention/>", "empty_block")
case('{"content": "", "location": -1}'.join(("<intervention>", "</intervention>")), "empty_block")
case(block('{"content": "", "location": 3}'), "empty_content")
case(block('{"content": "   ", "location": 3}'), "empty_content")
case(block(r'{"content": "\n\n", "location": 3}'), "empty_content")
case(block('{"content": null, "location": 3}'), "empty_content")
case(block('{"content": None, "location": 3}'), "empty_content")
case(block('{"location": 3}'), "empty_content")
case(block("Count again, the words are four."), "not_parsed")
case(block('{"intervention": "Count again.", "step": 2}'), "not_parsed")
case(block('{"foo": {"bar": 1}}'), "not_parsed")
case(block("{Count again}"), "not_parsed")

# -------------------------------------------------------------------------------------------------- not quite objects
case(block("content: Count again.\nlocation: 2"), ("Count again.", 2))
case(block("**content:** Count again.\n**location:** 2"), ("Count again.", 2))
case(block('content: "Count again."\nlocation: 2'), ("Count again.", 2))
case(block("location: 2\ncontent: Count again.\n\nThen add."), ("Count again.\n\nThen add.", 2))
case(block("- content: Count again.\n- location: Substep 2"), ("Count again.", 2))
case(block("<content>Count $\\alpha$ again.</content>\n<location>2</location>"), (r"Count $\alpha$ again.", 2))

# ----------------------------------------------------------------------------- what stands where a content would stand
for placeholder in (
    "the passage",
    "...",
    "…",
    "<passage>",
    "[your intervention here]",
    "|",
    ">",
    "???",
    "- -",
    "Your content.",
):
    case(block(f'{{"content": "{placeholder}", "location": 3}}'), "empty_content")
case(block('{"content": "The passage is empty.", "location": 3}'), ("The passage is empty.", 3))
case(block('{"content": "7", "location": 3}'), ("7", 3))
case(block('{"content": "$x$", "location": 3}'), ("$x$", 3))

# ------------------------------------------------------------------------------------- YAML, pieces, doubled escapes
case(
    block("content: |\n  Let $n$ be odd.\n\n  Then $n+1$ is even.\nlocation: 4"),
    ("Let $n$ be odd.\n\nThen $n+1$ is even.", 4),
)
case(
    block("content: >-\n  Let $n$ be odd,\n  so $n+1$ is even.\nlocation: 4"), ("Let $n$ be odd, so $n+1$ is even.", 4)
)
case(block("location: 4\ncontent: |\n    Count again."), ("Count again.", 4))
case(block('{"content": |\n  Count again.\n, "location": 4}'), ("Count again.", 4))
case(
    block('{"content": "Let $n$ be odd, " + "so $n+1$ is even.", "location": 4}'),
    ("Let $n$ be odd, so $n+1$ is even.", 4),
)
case(
    block("{'content': 'Let $n$ be odd, ' +\n  'so $n+1$ is even.', 'location': 4}"),
    ("Let $n$ be odd, so $n+1$ is even.", 4),
)
case(
    block('{"content": "Let $n$ be odd, "\n  "so $n+1$ is even.", "location": 4}'),
    ("Let $n$ be odd, so $n+1$ is even.", 4),
)
case(block('{"content": "The words "ab" + "ba" make four.", "location": 4}'), ('The words "ab" + "ba" make four.', 4))
case(
    block(r'{"content": "Count again.\\n\\nThere are four.", "location": 4}'.replace(r"\\n", r"\n")),
    ("Count again.\n\nThere are four.", 4),
)
case(
    block(r'{"content": "So $\\frac{a}{b}$.\\nThere are four.", "location": 4}'),
    ("So $\\frac{a}{b}$.\nThere are four.", 4),
)
case(
    block(r'{"content": "So $a \\neq b$ and $\\nabla f = 0$.", "location": 4}'),
    (r"So $a \neq b$ and $\nabla f = 0$.", 4),
)

# ------------------------------------------------------------------------------------ words like keys, in quotations
case(block('{"content": "He calls it "location": a place.", "location": 4}'), ('He calls it "location": a place.', 4))
case(block('{"content": "See "location": 3, as above.", "location": 4}'), ('See "location": 3, as above.', 4))
case(
    block('{"content": "As in "location: step 3", we go on.", "location": 4}'),
    ('As in "location: step 3", we go on.', 4),
)
case(
    block('{"content": "Say "x", "answer": 5 holds, and so on.", "location": 4}'),
    ('Say "x", "answer": 5 holds, and so on.', 4),
)
case(block('{"content": "Its "content": nothing but air.", "location": 4}'), ('Its "content": nothing but air.', 4))
case(block('{"content": "Count again." "location": 4}'), ("Count again.", 4))
case(block('{"content": "Count again.", "answer": 5, "location": 4}'), ("Count again.", 4))
