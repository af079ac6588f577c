"""Which wordings ask for a proof and for nothing else."""

from __future__ import annotations

import pytest

from int_verl.problems.proofs import asks_for_a_proof_alone


@pytest.mark.parametrize(
    "problem",
    [
        "Prove that $\\sqrt 2$ is irrational.",
        "Let $n$ be odd. Show that $n^2 - 1$ is divisible by 8.",
        "Prove: every prime above 3 is $6k \\pm 1$.",
        "Show that Alice can always find a card that Bob has, and that he cannot.",
        "Prove or disprove that the sequence is bounded.",
        "Demonstrate that there are infinitely many such $n$.",
        "Let $ABC$ be a triangle. Prove the inequality $a + b > c$.",
    ],
)
def test_a_proof_alone(problem: str) -> None:
    assert asks_for_a_proof_alone(problem)


@pytest.mark.parametrize(
    "problem",
    [
        "Find all $n$ such that $n^2 = 4$, and prove that there are no others.",
        "Prove that the limit exists and find its value.",
        "Show that $f$ is constant. What is $f(0)$?",
        "It can be shown that the area is $m/n$. Compute $m+n$.",
        "Alice wants to prove that she has 3 cards. How many questions does she need?",
        "Is it true that $n^2$ is even? Prove your claim.",
        "Show that it converges, then determine the limit.",
        "What is $6 \\cdot 7$?",
        "The diagram shows that $x = 2$. Evaluate $x^2$.",
    ],
)
def test_an_answer_is_asked_for(problem: str) -> None:
    assert not asks_for_a_proof_alone(problem)
