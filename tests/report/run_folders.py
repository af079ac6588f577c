"""A small run folder, made through the schemas that the stages write."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path
from typing import Any

import pyarrow as pa

from int_verl import records

SEED_PROVENANCE = {
    "model": "recipes/quickstart/model",
    "model_revision": "0123abcd",
    "prompt_version": "solve-1",
    "temperature": 1.0,
    "top_p": 1.0,
    "top_k": -1,
    "max_tokens": 96,
    "seed": 7,
    "prompt_ids": [1, 2, 3],
    "token_ids": [4, 5],
    "prompt_tokens": 3,
    "completion_tokens": 2,
    "finish_reason": "stop",
}
STATUSES = ["proposed"] * 14 + ["no_block", "location_out_of_range", "leak", "leak", "duplicate", "content_too_long"]


def write(path: Path, schema: pa.Schema, rows: list[dict[str, Any]]) -> None:
    blank = dict.fromkeys(schema.names)
    provenance = {k: v for k, v in SEED_PROVENANCE.items() if k in schema.names}
    records.write_rows(path, schema, [{**blank, **provenance, **row} for row in rows])


def manifest(run: Path, stage: str, status: str = "done", seconds: float | None = 12.0, **more: Any) -> None:
    (run / stage).mkdir(parents=True, exist_ok=True)
    content = {"stage": stage, "status": status, "inputs": {}, "settings": {}, "counts": {}, "outputs": {}} | more
    (run / stage / "manifest.json").write_text(json.dumps(content | ({"seconds": seconds} if seconds else {})))


def metrics(path: Path, rows: dict[int, dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps({"step": step, "data": data}) + "\n" for step, data in rows.items()))


def write_run(run: Path, *, problems: int = 120, rl_steps: int = 60, evaluated: int = 100, seed: int = 0) -> Path:
    """A finished run with invented numbers of about the quickstart's size."""
    rng = random.Random(seed)
    run.mkdir(parents=True)
    (run / "config.yaml").write_text(
        "run:\n  name: quickstart\n  seed: 0\nsample:\n  attempts: 4\nopenai:\n  api_key: sk-very-secret\n"
        "sampling:\n  max_tokens: 96\n"
    )
    write_problems(run, problems)
    write_generation(run, problems, rng)
    write_training(run, rl_steps, rng)
    write_endings(run, 0)
    write_evaluation(run, evaluated, rng)
    return run


def write_problems(run: Path, count: int) -> None:
    rows = [
        {
            "id": f"train-{i:04d}",
            "problem": f"No. {i}: work modulo 23. Start with 16.\nStep 1: times 8\nStep 2: minus 2\nStep 3: times 5",
            "answer": "9",
            "reference_solution": "From 16, times 8: first 13. From 13, minus 2: second 11. From 11, times 5: third 9. "
            "Hence \\boxed{9}.",
            "source": "mod23",
        }
        for i in range(count)
    ]
    write(run / "problems/train.parquet", records.PROBLEM, rows)


def write_generation(run: Path, count: int, rng: random.Random) -> None:
    attempts, proposals, guided, interventions, sft = [], [], [], [], []
    for i in range(count):
        for attempt in range(4):
            key = {"problem_id": f"train-{i:04d}", "attempt": attempt}
            outcome = rng.choices(["correct", "incorrect", "truncated", "no_answer"], [22, 74, 3, 1])[0]
            steps = rng.randint(5, 7)
            text = "\n\n".join([*(f"Step {s}: times {s + 1}, 16 -> {s + 9}" for s in range(1, steps)), "\\boxed{3}"])
            skipped = outcome if outcome in ("correct", "truncated") else ""
            attempts.append(
                {
                    **key,
                    "text": text,
                    "outcome": outcome,
                    "correct": outcome == "correct",
                    "steps": steps,
                    "skipped": skipped,
                }
            )
            if skipped:
                continue
            status = rng.choice(STATUSES)
            location = rng.choices(range(1, steps), range(steps, 1, -1))[0]
            content = f"Step {location}: times {location + 1}, 16 -> {location + 2}"
            key |= {"proposal": 0}
            proposed = {**key, "text": "...", "status": status, "content": content, "location": location}
            proposals.append(proposed)
            if status != "proposed":
                continue
            right = 0
            for condition, chance in (("intervention", 0.35), ("wrong_step", 0.02), ("prefix", 0.03)):
                for rollout in range(8):
                    outcome = rng.choices(["correct", "incorrect", "truncated"], [chance, 0.98 - chance, 0.02])[0]
                    right += condition == "intervention" and outcome == "correct"
                    guided.append(
                        {
                            **key,
                            "condition": condition,
                            "rollout": rollout,
                            "text": f"Step {location + 1}: plus 1\n\n\\boxed{{10}} ({condition})",
                            "outcome": outcome,
                            "correct": outcome == "correct",
                        }
                    )
            interventions.append(
                {
                    **key,
                    "content": content,
                    "location": location,
                    "steps": steps,
                    "guided": 8,
                    "guided_correct": right,
                    "guided_truncated": 0,
                    "kept": right > 0,
                }
            )
            if right:
                tokens = {"prompt_ids": [1, 2, 3], "prefix_ids": [4] * (location - 1), "intervention_ids": [5, 6]}
                sft.append({**key, **tokens, "content": content, "location": location})
    write(run / "sample/attempts.parquet", records.ATTEMPT, attempts)
    write(run / "propose/proposals.parquet", records.PROPOSAL, proposals)
    write(run / "guide/guided.parquet", records.GUIDED, guided)
    write(run / "guide/interventions.parquet", records.INTERVENTION, interventions)
    write(run / "guide/sft.parquet", records.SFT, sft)
    origin = {"command": ["int-verl", "run", "run.seed=0"], "host": "node7", "commit": "0a1b2c3d4e5f"}
    manifest(run, "sample", seconds=95, origin=origin, counts={"attempts": len(attempts), "outcomes": {"correct": 100}})
    manifest(run, "propose", seconds=0)
    manifest(run, "guide", seconds=0)


def write_training(run: Path, steps: int, rng: random.Random) -> None:
    metrics(
        run / "sft/metrics.jsonl",
        {s: {"train/loss": 0.2 + math.exp(-s / 8) * 0.5 + rng.gauss(0, 0.02), "train/lr": 3e-4} for s in range(1, 41)},
    )
    manifest(run, "sft", seconds=61, versions={"verl": "0.9.1", "torch": "2.13.0+cpu"})
    for stage, start, gain in (("rl_baseline", 0.12, 0.05), ("rl", 0.2, 0.4)):
        log: dict[int, dict[str, Any]] = {0: {"val-core/mod23/acc/mean@8": start}}
        for s in range(1, steps + 1):
            done = s / steps
            log[s] = {
                "critic/score/mean": start + gain * done + rng.gauss(0, 0.05),
                "critic/rewards/mean": 0.0,
                "int_verl/zero_advantage_ratio": 0.85 - gain * done + rng.gauss(0, 0.04),
                "response_length/mean": 50 + 4 * done + rng.gauss(0, 0.8),
                "actor/entropy": 0.3 - 0.1 * done,
                "actor/grad_norm": 0.4 + rng.random() / 10,
                "actor/ppo_kl": rng.gauss(0, 1e-4),
                "actor/pg_clipfrac": rng.random() / 100,
                "perf/time_per_step": 8 + rng.random(),
                "perf/total_num_tokens": 14_000 + rng.randint(0, 500),
                "int/never_solved": 0.6 - 0.3 * done,
                "int/sometimes_solved": 0.3 + 0.2 * done,
                "int/always_solved": 0.1 + 0.1 * done,
                "int/reward/mod23": start + gain * done,
                "int/reward/mod29": start,
            }
        metrics(run / stage / "metrics.jsonl", log)
        for s in (0, steps):
            rate = start + gain * s / steps
            lines = [
                {"input": f"user\n{name} {p}\nassistant\n", "output": "", "gts": "1", "score": float(solved)}
                for name, share in (("heldout", rate), ("hard", 0.0))
                for p in range(60)
                for solved in (rng.random() < share for _ in range(4))
            ]
            path = run / stage / "validation" / f"{s}.jsonl"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        rows = [{"prompt": [{"role": "user", "content": f"heldout {p}"}]} for p in range(60)]
        write(run / stage / "heldout.parquet", records.RL, rows)
        manifest(run, stage, seconds=290)


def write_endings(run: Path, truncated_after: int) -> None:
    """16 problems with 4 answers of each model, all right; `truncated_after` of each problem's do not end after SFT."""
    answers = [
        {
            "when": when,
            "problem_id": f"heldout-{i:04d}",
            "sample": sample,
            "correct": True,
            "finish_reason": "length" if when == "after" and sample < truncated_after else "stop",
            "end_before": 0.998 if when == "before" and sample == 0 else None,
            "end_after": 0.75 if when == "before" and sample == 0 else None,
        }
        for when in ("before", "after")
        for i in range(16)
        for sample in range(4)
    ]
    write(run / "ending/answers.parquet", records.ANSWER, answers)
    manifest(run, "ending", seconds=31)


def write_evaluation(run: Path, count: int, rng: random.Random) -> None:
    skill = {"base": 0.22, "base + RL": 0.25, "InT SFT": 0.24, "InT SFT + RL": 0.47}
    scores = []
    for model, mean in skill.items():
        for problem_set, shift in (("heldout", 1.0), ("hard", 0.3)):
            for i in range(count):
                rate = min(1.0, rng.betavariate(mean * shift, 1 - mean * shift))
                correct = sum(rng.random() < rate for _ in range(8))
                ids = {"model": model, "problem_set": problem_set, "problem_id": f"{problem_set}-{i:04d}"}
                scores.append({**ids, "samples": 8, "correct": correct, "truncated": rng.random() < 0.05})
    write(run / "eval/scores.parquet", records.SCORE, [{**s, "truncated": int(s["truncated"])} for s in scores])
    estimate = {"value": 0.9, "low": 0.85, "high": 0.94}
    skills = {
        "set": "heldout",
        "groups": [
            {"group": "no misbelieved product", "problems": 20, "pass_at_1": dict.fromkeys(skill, estimate)},
            {"group": "one misbelieved product", "problems": 45, "pass_at_1": dict.fromkeys(skill, estimate)},
        ],
    }
    (run / "eval/results.json").write_text(json.dumps({"skills": skills}))
    manifest(run, "eval", seconds=47)
