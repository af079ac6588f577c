"""Rows as the stages write them, with the columns that the tables read."""

from __future__ import annotations


def scores(model, problem_set, corrects, samples=8, truncated=0):
    return [
        {
            "model": model,
            "problem_set": problem_set,
            "problem_id": f"{problem_set}-{i}",
            "samples": samples,
            "correct": correct,
            "truncated": truncated,
        }
        for i, correct in enumerate(corrects)
    ]


def guided(condition, problem, attempt, outcomes):
    return [
        {
            "problem_id": problem,
            "attempt": attempt,
            "proposal": 0,
            "condition": condition,
            "correct": outcome == "correct",
            "outcome": outcome,
        }
        for outcome in outcomes
    ]


def evaluated(problem_set, corrects, samples=8, source=None, wrong_votes=(), tokens=80, model="m", **more):
    """`records.EVALUATED` rows; a problem's wrong samples are truncated unless they vote."""
    return [
        {
            "model": model,
            "problem_set": problem_set,
            "source": source or problem_set,
            "problem_id": str(i),
            "text_hash": f"{problem_set}-{i}",
            "samples": samples,
            "correct": correct,
            "truncated": samples - correct - sum(wrong_votes),
            "no_answer": 0,
            "lost": 0,
            "wrong_votes": list(wrong_votes),
            "tokens": tokens,
        }
        | more
        for i, correct in enumerate(corrects)
    ]
