# ruff: noqa: E501
"""Pairs of answers by topic: (gold, answer, whether they are the same)."""

from __future__ import annotations

SAME: dict[str, list[tuple[str, str]]] = {
    "thousands": [
        ("1234567", "1,234,567"), ("1234567", r"1{,}234{,}567"), ("1234567", r"1,\!234,\!567"), ("1234567", "1 234 567"),
        ("12345.5", "12,345.5"), (r"2^{20}", "1,048,576"), ("(1000, 2)", "(1,000, 2)"), ("1000, 2000", "1,000 and 2,000"),
        ("-1234", "-1,234"), ("1234567", r"1\ 234\ 567"),
    ],
    "numbers": [
        ("7", "007"), ("0.5", ".5"), ("42", "42."), ("42", "42.00"), ("0.25", r"\frac{1}{4}"), ("-5", "−5"), ("12", "１２"),
        (r"\frac{1}{3}", r"0.\overline{3}"), ("5", "+5"), ("0", "-0"), (r"\frac{-1}{2}", r"-\frac12"), ("1/2", r"\frac{2}{4}"),
        (r"\frac{3}{4}", "0.75"), ("3e5", "300000"), ("1.5e-3", r"1.5\times 10^{-3}"), ("0.0015", r"1.5 \cdot 10^{-3}"),
        ("3.14159", r"\pi"), ("2.718", "e"), ("0.333", r"\frac13"), ("12.57", r"4\pi"), ("10^6", "1000000"), ("1000", "10^3"),
        ("120", "5!"), ("6", "3!"), ("3", r"\log_2 8"), ("15", "3 \\cdot 5"), ("2", r"\sqrt{4}"), ("5", "10/2"),
        ("3", r"\max(3,\sqrt5)"), (r"\min(2,\pi)", "2"), (r"5\sqrt2", r"\min(\sqrt{50},8)"),
    ],
    "percent, degrees, money, units": [
        (r"50\%", r"\frac12"), ("0.5", "50%"), (r"12.5\%", "12.5"), ("25", r"25\%"), (r"7\%", "7 percent"),
        (r"45^\circ", "45"), (r"45^{\circ}", "45°"), ("60", "60 degrees"), (r"45^\circ", r"\frac{\pi}{4}"),
        (r"\frac{270}{7}^\circ", r"\frac{270}{7}"), (r"\$18.90", "18.9"), ("1000", r"\$1,000"), ("5", "5 dollars"), ("5", "£5"),
        ("15", r"15\text{ cm}^2"), ("15", r"15 \mathrm{~cm}^{2}"), ("36", r"36\text{ square units}"), ("10", "10 weeks"),
        ("12", r"12\text{ m/s}"), ("12", r"12 \mathrm{~m} / \mathrm{s}"), (r"6\sqrt2", r"6\sqrt{2}\text{ cm}"), ("30", "30 minutes"),
        (r"\frac{5}{2}", r"\frac{5}{2}\text{ hours}"), (r"5\text{ cm}", r"5\,\mathrm{cm}"), ("20", r"20 \text{ mph}"), ("3", "3 apples"),
    ],
    "mixed numbers": [
        (r"\frac{11}{4}", r"2\frac{3}{4}"), ("11/4", "2 3/4"), ("2.75", r"2\tfrac34"), (r"-\frac{7}{2}", r"-3\frac12"),
    ],
    "names": [
        ("5", "x = 5"), ("5", "x=5"), ("x=5", "5"), ("26", "K=26"), (r"\frac12", r"P(A) = \frac12"), ("660", "f(1982)=660"),
        ("20", "V+E+F=20"), ("3", r"\max f = 3"), (r"2x+3", "f(x)=2x+3"), ("f(x)=x+1", "f(t)=t+1"), ("7", "n = 7."),
        ("42", r"6\cdot 7 = 42"), ("42", "=42"), ("10", "AB = 10"), ("2", r"\frac{a}{b}=2"), ("10", r"|AB| = 10"),
        ("5", r"S_{\triangle ABC} = 5"), (r"\frac{3}{5}", r"\sin A = \frac{3}{5}"), ("3", "m+n=3"), ("12", r"\angle A = 12^\circ"),
        ("x=3", "3=x"),
    ],
    "lists and sets": [
        ("1,2,3", "3, 2, 1"), (r"\{1,2,3\}", "1,2,3"), ("1 and 2", "2,1"), ("1,2", r"1 \text{ or } 2"), ("x=1,2", r"\{1,2\}"),
        ("1,2", "x=1, x=2"), ("1,2", r"x_1 = 2, x_2 = 1"), ("x=1,x=2", r"x_1 = 2, x_2 = 1"), (r"\{3\}", "3"), (r"\pm 3", "3,-3"), (r"2\pm 3", "5,-1"), ("3,-3", r"x=\pm 3"),
        (r"1\pm\sqrt2", r"1-\sqrt2, 1+\sqrt2"), (r"\{1,2\}", r"\{2,1,1\}"), ("1,2", r"x=1 \text{ or } x=2"), ("4 and 9", r"\{4, 9\}"),
        ("(1,2),(3,4)", "(3,4),(1,2)"), ("(1,2),(3,4)", r"\{(1,2),(3,4)\}"), (r"\frac12, 3", "3, 0.5"), ("2, 3", "2; 3"),
        ("a=1,b=2", "b=2, a=1"), ("(a,b)=(1,2)", "(1,2)"), ("a=1,b=2", "(1,2)"), (r"\text{red, blue}", r"\text{blue, red}"),
        (r"x\in\{1,2\}", "1,2"), (r"\emptyset", r"\{\}"), (r"\emptyset", r"\text{no solution}"), ("1, 2, 3", "1, 2, and 3"),
        (r"\frac12", r"\frac12 \text{ or } 0.5"), (r"\{\{1\},\{2\}\}", r"\{\{2\},\{1\}\}"), (r"\{\emptyset\}", r"\{\varnothing\}"),
        (r"\{\emptyset\}", r"\{\{\}\}"), ("1,2", "1,2,2"), (r"\{7\}", r"\{7,7\}"), (r"\{(1,2)\}", "(1,2)"), (r"\{|x|,2\}", "2,|x|"),
    ],
    "tuples and matrices": [
        ("(1,2)", r"\left(1, 2\right)"), (r"(\frac12,3)", "(0.5, 3)"), (r"\begin{pmatrix}1\\2\end{pmatrix}", "(1,2)"),
        (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", r"\begin{bmatrix}1&2\\3&4\end{bmatrix}"), ("(1,2,3)", r"\langle 1,2,3\rangle"),
        (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", r"\left[\begin{array}{cc}1&2\\3&4\end{array}\right]"), ("(x,y)=(1,2)", "x=1, y=2"),
        ("(1,2)", "P=(1,2)"), ("P=(1,2)", r"P = \left(1, 2\right)"), (r"\vec{v}=(1,2)", r"\mathbf{v}=(1,2)"),
        (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", "\\begin{pmatrix}\n1 & 2 \\\\\n3 & 4\n\\end{pmatrix}"),
        (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", r"\begin{bmatrix} 1 & 2 \\[4pt] 3 & 4 \\ \end{bmatrix}"),
        (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", r"A = \left[\begin{array}{rr} 1 & 2 \\ 3 & 4 \end{array}\right]"),
        (r"\begin{vmatrix}1&2\\3&4\end{vmatrix}", r"\begin{vmatrix} 1 & 2 \\ 3 & 4 \end{vmatrix}"),
    ],
    "intervals": [
        ("(0,1)", "0<x<1"), ("[0,1]", r"0\le x\le 1"), ("x>3", r"(3,\infty)"), (r"x \ge 3", r"[3, \infty)"), (r"x\in(0,1)", "(0,1)"),
        ("x>3", "3<x"), ("x<1", "-x>-1"), ("x>1", "2x > 2"), (r"(-\infty,0)\cup(0,\infty)", r"x \neq 0"), (r"\mathbb{R}", r"(-\infty,\infty)"),
        (r"(-\infty,0)\cup(0,\infty)", r"\mathbb{R}\setminus\{0\}"), (r"(-\infty,-2)\cup(2,\infty)", "x<-2 or x>2"),
        (r"(-\infty,-2)\cup(2,\infty)", r"x<-2 \text{ or } x>2"), (r"(0,2]", r"(0,1]\cup(1,2]"), ("x≤3", r"(-\infty, 3]"),
        (r"\text{all real numbers}", r"\mathbb{R}"), (r"(2,\infty)\cup(-\infty,1)", r"(-\infty,1)\cup(2,\infty)"), ("]0,1[", "(0,1)"),
        (r"\left[0,\frac{1}{2}\right)", "[0,0.5)"), (r"1 < a \le 2", "(1,2]"),
    ],
    "equations": [
        ("y=2x+3", "2x-y+3=0"), ("y=2x+3", "2y=4x+6"), ("y=2x+3", "y-2x=3"), ("x^2+y^2=1", "y^2=1-x^2"), ("y=2x+3", "2x+3"),
        ("x^2+y^2=1", "x^2+y^2-1=0"), ("2x+3y=6", r"y=-\frac{2}{3}x+2"), ("f(x)=x^2", "x^2"), ("x^2/4+y^2/9=1", "9x^2+4y^2=36"),
    ],
    "expressions": [
        ("x^2+x", "x(x+1)"), ("n^2-1", "(n-1)(n+1)"), (r"\binom{n}{2}", r"\frac{n(n-1)}{2}"), (r"\binom{n}{2}", r"{n \choose 2}"),
        (r"\frac{1}{\sqrt2}", r"\frac{\sqrt2}{2}"), (r"\sqrt{50}", r"5\sqrt2"), ("x^2", "x²"), (r"\frac{\pi}{2}", "π/2"), ("2^n", "2^{n}"),
        (r"\sqrt2", "√2"), (r"\sqrt{2}", "sqrt(2)"), ("5", r"e^{\ln 5}"), (r"\tan x", r"\frac{\sin x}{\cos x}"), (r"\ln 2", r"\log 2"),
        (r"e^{i\pi/4}", r"\frac{1+i}{\sqrt2}"), ("3+4i", "4i+3"), ("2i", r"\sqrt{-4}"), (r"\frac{n!}{(n-1)!}", "n"), ("-1", "i^2"),
        ("(-1)^n", r"\cos(n\pi)"), (r"\log_2 3", r"\frac{\ln 3}{\ln 2}"), ("2^{n+1}", r"2\cdot 2^n"), ("xy", "yx"), ("a^2b", "b a^2"),
        (r"\sqrt[3]{2}", "2^{1/3}"), (r"\lfloor n/2 \rfloor", r"\left\lfloor \frac{n}{2} \right\rfloor"), (r"|x|", r"\sqrt{x^2}"),
        (r"\frac{a}{b}", "a/b"), ("2x", r"2 \cdot x"), (r"\frac{x+2}{7}", r"\frac{x}{7}+\frac{2}{7}"), (r"\frac{\sqrt{3}}{2}", r"\sin 60^\circ"),
        (r"\arctan 2", r"\tan^{-1} 2"), (r"\varphi", r"\varphi"), (r"\alpha+\beta", r"\beta+\alpha"), ("np.sqrt(2)", "np.sqrt(2)"),
        ("2^{2024}", "4^{1012}"), (r"\frac{2^{2024}-1}{3}", r"\sum_{k=0}^{1011} 4^k"), (r"\sum_{k=1}^n k^2", r"\frac{n(n+1)(2n+1)}{6}"),
        (r"\prod_{k=1}^{n} k", "n!"), (r"a_{n+1}", r"a_{1+n}"),
    ],
    "text": [
        (r"\text{east}", "East"), ("Yes", r"\text{yes}"), (r"\text{(C)}", "C"), ("C", "(C)"), ("C", "C."), (r"\textbf{(C)}", "(C)"),
        ("C", r"\textbf{(C) } 12"), (r"\text{Tuesday}", "Tuesday"), ("True", "true"), (r"\infty", r"\text{infinity}"), (r"\text{A, B}", "A, B"),
        ("B", r"\mathrm{B}"), (r"\text{June 20}", "June 20"), ("John", r"\text{John}"),
    ],
    "ratios, bases, times": [
        ("7:32", "7:32"), ("1:2", "2:4"), ("1:2", r"\frac12"), ("2516_8", "2516_{8}"), ("12:30", "12:30"), ("1011_2", r"1011_{\text{2}}"),
        ("S_1:S_2=7:32", "7:32"), ("2:3", r"\frac{2}{3}"), ("1011_2", "(1011)_2"),
    ],
    "wrapping": [
        ("42", r"\textbf{42}"), ("42", r"\mathrm{42}"), ("42", r"\displaystyle 42"), ("42", r"\text{The answer is } 42"), ("42", r"\left(42\right)"),
        ("42", r"\boxed{42}"), ("42", r"\fbox{42}"), ("42", r"\text{42}"), ("42", "$42$"), ("42", r"\(42\)"), ("42", r"\[42\]"), ("42", "{42}"),
        ("42", r"\color{red}{42}"), ("42", r"\textcolor{red}{42}"), ("42", "**42**"), ("42", "Answer: 42"), ("42", r"\underline{42}"),
        ("42", r"42\text{ (approximately)}"), (r"\frac{2}{3}", r"\frac{2}{3} \approx 0.667"), ("42", r"\bf 42"), ("42", r"{\bf 42}"),
        ("42", r"42 \quad"), (r"\frac12", r"$\frac{1}{2}$."), ("42", r"\therefore 42"), ("42", r"\mathbf{42}"), ("42", '"42"'), ("5", "`5`"),
    ],
}  # fmt: skip

DIFFERENT: dict[str, list[tuple[str, str]]] = {
    "numbers": [
        ("1234567", "1,234,568"), ("12", "1,2"), (r"\frac23", "0.6"), (r"\frac23", "0.667"), (r"\frac13", "0.333333"), ("5", "0.05"),
        ("2", "200"), ("1", "100"), ("0.5", "0.54"), ("10000000", "10000001"), ("123456789012345678901", "123456789012345678902"),
        ("2^{100}", "1267650600228229401496703205377"), ("10^{-9}", r"2\times10^{-9}"), (r"\frac{355}{113}", r"\pi"), ("2^{2024}-1", "2^{2024}-2"),
        ("42", "42!"), ("42", "-42"), (r"\pi", "3.14"), (r"\sqrt2", "1.414"), ("3", "3.0001"), ("0.001", "0.002"), ("1", "0.999999"), ("e", "2.71828"),
        ("100", r"1\%"), ("0.5", r"0.5\%"), ("12", "1 2"), ("10^{10}", "10^{11}"), (r"\frac{1}{2004!}", r"\frac{1}{2006!}"), ("0", r"10^{-20}"),
        ("2^{1000000}", "2^{1000000}+1"), (r"-\frac52", r"-3\frac12"), (r"3\frac12", r"\frac{3}{2}"),
    ],
    "units": [
        (r"5\text{ cm}", r"5\text{ m}"), (r"7200\mathrm{MB}", r"7.03125\text{ GB}"), ("5 km", "5 m"), ("60", r"60x"), ("25", r"\$2.50"), ("5", "6 apples"),
    ],
    "names": [
        ("4", "3=4"), ("3", "x=3=4"), ("7", "0=7=8"), ("42", r"6\cdot 7=43"), ("5", "x+1=5"), ("4", "x^2+y^2=4"), ("x=3", "x=4"), ("0", "x=1=0"),
        ("5", "x"), ("x=5", "x<5"), (r"\cos x=\frac12", r"\sin x=\frac12"),
    ],
    "lists": [
        ("3", "3, 4"), ("3", r"3 \text{ or } 4"), ("7", "7 (or 8)"), ("5", r"\text{5 or 6}"), ("5", r"5\pm 1"), ("1,2,3", "1,2,4"), ("1,2", "1"), ("1", "1,2"),
        ("3", "1,2,3,4,5"), (r"1\pm\sqrt2", r"1+\sqrt2"), (r"\frac12", r"\frac12, \frac13"), ("a=1,b=2", "a=2,b=1"), ("5", "6, 5"), ("5", "5 and 6"),
        ("5", r"\{5, 6\}"), ("5", "5/6"), ("12", "1, 2"), (r"\{1,2\}", "(2,1)"), ("a=1,b=2", "2,1"), ("5", "maybe 5 or 6"), ("1,2,3", "1,2"), ("3", "1 to 5"),
        (r"\emptyset", r"\{\emptyset\}"), (r"\{\emptyset\}", r"\emptyset"), (r"\{1\}", r"\{\{1\}\}"), (r"\{\{1,2\}\}", r"\{1,2\}"), ("1", r"\{\{1\}\}"),
        (r"\{\mathbb{R}\}", r"\mathbb{R}"), ("[1,2]", r"\{[1,2]\}"), (r"\emptyset", r"\{0\}"), ("7", "7,7,7"), ("7", r"7 \text{ and } 7"), ("x=7", "x=7,x=7"),
        ("(1,2)", "(1,2),(1,2)"),
    ],
    "tuples": [
        ("(1,2)", "(2,1)"), ("(1,3,2)", "[1,2,3]"), ("(1,2),(3,4)", "(2,1),(4,3)"), ("(-3,2)", "[-3,2]"), ("[x+1,x]", "[x,x+1]"), ("(1,2)", "1"),
        (r"\begin{pmatrix}1\\2\end{pmatrix}", r"\begin{pmatrix}2\\1\end{pmatrix}"), (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", r"\begin{pmatrix}1&3\\2&4\end{pmatrix}"),
        ("(x,y)=(1,2)", "(2,1)"), ("(1,2)", "(1,2,3)"),
        ("P=(1,2)", "(2,1)"), ("P=(1,2)", "Q=(1,2)"), (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", r"\begin{pmatrix} 1 & 2 \\ 3 & 5 \end{pmatrix}"),
        (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", r"\begin{pmatrix} 1 & 2 & 3 & 4 \end{pmatrix}"),
    ],
    "intervals": [
        ("[0,1)", "(0,1]"), ("(0,1)", "(0,2)"), (r"(-\infty,3)", r"(-\infty,3]"), ("x>3", r"x\ge 3"), (r"(-\infty,0)\cup(0,\infty)", r"(-\infty,\infty)"), ("x<1", "-x<-1"),
        ("x>3", "x<3"), (r"\mathbb{R}", r"\mathbb{Z}"), ("(0,1)", r"\{0,1\}"), ("x>3", "3"), ("[0,1]", r"0<x<1"), ("x>3", "y>4"), (r"\frac12", r"[\frac12,\infty)"),
    ],
    "equations": [
        ("y=2x+3", "y=2x+4"), ("x^2+y^2=1", "x^2+y^2=4"), ("x^2+y^2=1", "x^2-y^2=1"), ("f(x)=x^2", "f(x)=x^3"), ("2x+4y=3", "2x+4y=4"), ("y=x", "y=-x"), ("x+y=1", "1"),
        ("x^2+y^2=1", "1"),
    ],
    "expressions": [
        (r"\frac{n(n+1)}{2}", r"\frac{n(n-1)}{2}"), ("2^n-1", "2^{n-1}"), ("n!", "n"), ("3x", "x^3"), ("2^{2^n}", "2^{2n}"), ("p-q", "q-p"), ("i", "-i"), ("x", "y"), ("x+1", "x"),
        (r"\lfloor\frac n2\rfloor", r"\lceil\frac n2\rceil"), (r"\sqrt2", r"\sqrt3"), ("x", r"|x|"), (r"4", r"4\sqrt{2}"), (r"\log_2 3", r"\log_3 2"), (r"\sin x", r"\cos x"),
        ("(-1)^n", "1"), (r"\binom{n}{3}", r"\binom{n}{2}"), ("n", "m"), ("2n", "2"), ("e^x", "x^e"), ("x^2", "x^2+10^{-30}"),
    ],
    "text": [
        (r"\text{even}", r"\text{odd}"), (r"\text{ab}", r"\text{ba}"), ("C", "B"), (r"\text{(A)}", r"\text{(B)}"), ("42", "?"), ("42", "x"), ("120", "the correct answer"), ("E", r"\mathrm{E}*2"),
        ("5", "I think the answer could be 5 or so, or 6"), ("Yes", "No"), ("2", "AZYUK2A"), ("4", "UNSURE"), ("A", r"\text{A or B}"), ("C", "A, B, C, D"), ("5", "5 because 6"),
        (r"\text{east}", r"\text{west}"), ("7", "the answer is not 7"), ("7", r"\text{not } 7"), ("7", "less than 7"),
    ],
    "ratios, bases, times": [
        ("2516_8", "2516_7"), ("1101_2", "1110_2"), ("12:00", "1:00"), ("10:30", "10:31"), ("12:30", "1:30"), ("1:2", "2:1"), ("3736_8", "2014"), ("101_2", "5"),
    ],
}  # fmt: skip
