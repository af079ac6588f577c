"""What the words on the page mean: those of the method, and why a row was lost."""

from __future__ import annotations

WORDS = {
    "problem": "A question with a gold answer and, to train on, a reference solution.",
    "attempt": "One answer of the model to a problem, drawn without help.",
    "step": "A piece of an attempt. How it is cut, the settings say (steps.by).",
    "first critical error": "The first step of an attempt after which the right answer is out of reach.",
    "intervention": "A better step that the model itself proposes for the place of the first critical error, with the "
    "reference solution in view.",
    "location": "The number of the step whose place an intervention takes, from 1.",
    "verification": "What the model wrote to find the first critical error, with its proposal at the end.",
    "guided prefix": "The steps of an attempt before the location, and the intervention.",
    "guided rollout": "A continuation of a guided prefix to an answer.",
    "kept": "An intervention from which at least one guided rollout reached the right answer. SFT trains on these.",
    "controls": "The same attempts continued from their own wrong step, and from the bare prefix before it.",
    "accuracy": "Share of continuations that are right.",
    "coverage": "Share of problems with at least one right continuation, for every row at the same number of them.",
    "held-out": "Problems that nothing is trained on.",
    "hard": "Training problems that no attempt of the base model solved. Chosen by its failures, so it looks a "
    "little worse on them than on new problems of the kind.",
    "pass@k": "Chance that at least one of k answers is right, estimated without bias from all that were "
    "drawn; pass@1 is the mean share of right answers.",
    "group": "The rollouts that RL draws for one problem at a step; groups of 8 are 8 rollouts a problem. What a "
    "rollout teaches is its reward beside the mean of its group.",
    "zero-advantage ratio": "Share of groups in which all rewards are equal, all right or all wrong: RL learns nothing "
    "from them. Lower is better.",
    "truncated": "Cut off by the length limit, and not right as far as it goes. Counted apart from wrong.",
    "interval": "95 % of resamples of the problems give a figure within it (percentile bootstrap). It does not cover "
    "the chance of another training run; other seeds do.",
    "base": "The model before any training.",
    "base + RL": "RL from the base model, to compare with.",
    "InT SFT": "The base model after SFT on prefixes and interventions.",
    "InT SFT + RL": "RL from there: the method.",
}

REASONS = {
    "attempts": {
        "incorrect, to verify": "goes on: the model is asked for its first error",
        "correct": "there is no error to find",
        "duplicate": "the very same tokens as an earlier attempt at this problem, which is asked for in its stead: a "
        "small or certain model repeats its mistakes, and the same attempt once more would add nothing",
        "truncated": "cut off by the length limit before an answer",
        "no_answer": "no answer could be read from it",
        "problem_solved": "another attempt at the problem was right (propose.only_unsolved)",
        "empty": "nothing where its steps should be",
        "too_many_steps": "more steps than propose.max_steps",
        "unclosed_thinking": "it ended inside its thinking, so there is no answer",
        "prompt_too_long": "not drawn: the prompt leaves no room in the context",
        "lost": "the engine gave it up; the rows' column `fault` has its words",
        "timeout": "the grader could not tell in time",
        "too_large": "the grader could not tell: the answer is too large",
        "gold_unparsable": "the problem's own answer cannot be read",
        "error": "the grader failed",
    },
    "verifications": {
        "proposed": "an intervention that passed every filter, and goes on to guided rollouts",
        "leak": "the intervention gives the answer away",
        "duplicate": "the same text up to the end of the intervention as another of this problem",
        "no_block": "no block with an intervention",
        "unclosed_block": "the block does not end",
        "empty_block": "the block is empty: no error was found",
        "not_parsed": "the block is not readable",
        "empty_content": "the block has no better step",
        "no_location": "the block names no step",
        "bad_location": "what it names as the step is no number",
        "location_out_of_range": "the attempt has fewer steps",
        "after_first_error": "later than the first critical error that the verification itself reports",
        "wrong_step_in_prefix": "a step that the verification calls wrong would stay in the prefix",
        "not_encodable": "the policy's tokenizer cannot give the text back",
        "too_long": "longer than propose.max_content_tokens",
        "truncated": "cut off by the length limit before the intervention",
        "unclosed_thinking": "it ended inside its thinking",
        "no_guided_solution": "not asked: the first turn came to nothing",
        "prompt_too_long": "not asked: the prompt leaves no room in the context",
        "lost": "the engine gave it up; the rows' column `fault` has its words",
    },
    "rollouts": {
        "correct": "reached the right answer",
        "wrong": "another answer, or none",
        "truncated": "cut off by the length limit before an answer",
        "unclosed_thinking": "ended inside its thinking, so there is no answer",
        "prompt_too_long": "not drawn: the prompt leaves no room in the context",
        "lost": "the engine gave it up; the rows' column `fault` has its words",
        "timeout": "the grader could not tell in time",
    },
    "interventions": {
        "kept": "at least one guided rollout was right; SFT trains on it",
        "no guided rollout was correct": "so nothing says that the step is a better one",
        "not selected": "a rollout was right, but the settings take another intervention of the problem (select)",
    },
}
"""Of each block of the funnel: label -> what it means."""
