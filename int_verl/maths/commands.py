"""LaTeX commands by what they are in an expression."""

from __future__ import annotations

NAMES = frozenset(
    """alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu nu xi rho varrho sigma
    varsigma tau upsilon phi varphi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega ell hbar
    aleph mho nabla partial wp imath jmath angle triangle""".split()  # noqa: SIM905
)
ACCENTS = frozenset(
    ["bar", "hat", "vec", "tilde", "overline", "widehat", "overrightarrow", "dot", "ddot", "widetilde", "underbrace"]
)
MATRICES = frozenset(["pmatrix", "bmatrix", "matrix", "Bmatrix", "array", "smallmatrix"])
SPELLINGS = {
    **{"a" + name: "arc" + name for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh")},
    **{"ar" + name: "arc" + name for name in ("sinh", "cosh", "tanh")},
}
"""Inverse functions under their other names."""
STOPS = frozenset(
    """cdot times bullet ast div pm mp bmod mod pmod le ge ne lt gt approx equiv in notin cup cap setminus to rfloor
    rceil end cr hline degree ldots quad and or land lor text subset subseteq sim Rightarrow implies iff Leftrightarrow
    forall exists colon rangle mid limits parallel perp cong emptyset""".split()  # noqa: SIM905
)
"""Commands that begin no factor."""
