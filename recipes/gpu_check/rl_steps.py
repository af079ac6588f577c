"""Two steps of RL on the model of random weights: does what the rollout engine samples from follow the trainer?

Qwen3-0.6B to 4B have one matrix for the input and the output embedding, which a weight update can leave half stale in
silence. The learning rate is large, so that after the first step stale weights would be seen in the second.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from job import Job
from random_model import random_model
from trainers import PACKED, one_card, start_over, train

from int_verl.doctor import Check
from int_verl.records import RL, write_rows
from int_verl.settings.evaluation import EvalSettings
from int_verl.settings.training import RLSettings
from int_verl.trainers.rl import RLLaunch

PROMPT, RESPONSE = {"gpu": 128, "cpu": 96}, {"gpu": 1920, "cpu": 64}
PROMPTS, ROLLOUTS, STEPS = 2, 8, 2
AGREEMENT = {"gpu": 0.99, "cpu": 0.999_999}
"""Correlation of a token's probability in the rollout engine and in the actor, at least. The probabilities of a random
model are about one in its vocabulary, so that their difference tells nothing."""
MOVED = 0.9
"The same correlation between the first and the last weights, at most: what stale weights would show."


def measure(job: Job) -> None:
    start_over(job)
    model = random_model(job)
    rows = job.home / "rl.parquet"
    write_rows(rows, RL, [_row(number) for number in range(PROMPTS * STEPS)])
    launch = rl_launch(job, model, rows)
    command = launch.command()
    steps = train(job, command)
    trained = command.output_dir / f"global_step_{STEPS}" / launch.model_in_checkpoint
    job.check(followed(steps, AGREEMENT[job.platform]), moved(model, trained, job.platform), tied(trained))
    for name, key in (("seconds of each step", "timing_s/step"), ("of it the rollouts", "timing_s/gen")):
        job.figure(**{name: ", ".join(f"{row[key]:.1f}" for row in steps if key in row)})


def rl_launch(job: Job, model: Path, rows: Path) -> RLLaunch:
    actor, rollout = "actor_rollout_ref.actor", "actor_rollout_ref.rollout"
    overrides = [
        f"{actor}.ppo_max_token_len_per_gpu={PACKED[job.platform]}",
        # The whole state of 4B parameters is 64 GB.
        f"{actor}.checkpoint.save_contents=[hf_model]",
        f"{actor}.checkpoint.load_contents=[hf_model]",
        # The actor computes the probabilities anew, to be compared with the rollout's.
        f"{rollout}.calculate_log_probs=true",
        "algorithm.rollout_correction.bypass_mode=false",
        "trainer.val_before_train=false",
        "trainer.test_freq=-1",
    ]
    if job.platform == "gpu":
        overrides.append(f"{rollout}.gpu_memory_utilization=0.3")
    settings = RLSettings(
        total_steps=STEPS,
        prompts_per_step=PROMPTS,
        mini_batch=PROMPTS,
        rollouts=ROLLOUTS,
        learning_rate=1e-3,
        max_prompt_length=PROMPT[job.platform],
        max_response_length=RESPONSE[job.platform],
        save_freq=STEPS,
        reward_path=str(Path(__file__).with_name("reward_by_chance.py")),
        overrides=(*one_card(job, f"{actor}.fsdp_config", "actor_rollout_ref.model"), *overrides),
    )
    return RLLaunch(
        settings=settings,
        evaluation=EvalSettings(),
        model_path=model,
        base_model=None,
        train_files=(rows,),
        val_files=(rows,),
        output_dir=job.home / "checkpoints",
        validation_dir=job.home / "validation",
        rollout_dir=job.home / "rollouts",
        seed=0,
        platform=job.platform,
    )


def _row(number: int) -> dict[str, Any]:
    return {
        "data_source": "chance",
        "prompt": [{"role": "user", "content": f"Problem {number}."}],
        "ability": "math",
        "reward_model": {"style": "rule", "ground_truth": "0"},
        "extra_info": {"index": number, "id": str(number)},
    }


def followed(steps: list[dict[str, Any]], least: float) -> Check:
    """In every step the rollout engine had the actor's weights."""
    key = "training/rollout_actor_probs_pearson_corr"
    found = [row[key] for row in steps if key in row]
    shown = ", ".join(f"{value:.6f}" for value in found) or f"{key} is not logged"
    ok = len(found) == STEPS and all(value >= least for value in found)  # NaN is not
    return Check("the rollout engine follows the actor", ok, f"correlation {shown}, at least {least}")


def moved(first: Path, last: Path, platform: str) -> Check:
    """The steps changed the model by more than two computations of it differ."""
    import torch
    from transformers import AutoModelForCausalLM

    device = "cuda" if platform == "gpu" else "cpu"
    found = []
    with torch.inference_mode():
        for folder in (first, last):
            model = AutoModelForCausalLM.from_pretrained(folder, dtype="auto").to(device)
            ids = torch.arange(256, device=device)[None]
            found.append(model(ids).logits[0].float().softmax(-1).flatten())
            del model
    correlation = torch.corrcoef(torch.stack(found))[0, 1].item()
    detail = f"correlation of the first and the last model's probabilities {correlation:.3f}, at most {MOVED}"
    return Check("stale weights would be seen", correlation <= MOVED, detail)


def tied(model: Path) -> Check:
    """The export has one embedding, or two that are equal."""
    from safetensors import safe_open

    from int_verl.files import read_json

    names = {"lm_head.weight": None, "model.embed_tokens.weight": None}
    for file in model.glob("*.safetensors"):
        with safe_open(file, "pt") as tensors:
            names |= {name: tensors.get_tensor(name) for name in names if name in tensors.keys()}  # noqa: SIM118
    head, embedding = names.values()
    kept = bool(read_json(model / "config.json")["tie_word_embeddings"])
    equal = embedding is not None and (head is None or bool((head == embedding).all()))
    detail = f"config.json says tied: {kept}; lm_head {'is not in the file' if head is None else 'is in the file'}"
    return Check("the exported embeddings are one", kept and equal, detail)
