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
