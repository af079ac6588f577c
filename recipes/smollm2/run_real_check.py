"""The whole schedule with SmolLM2-135M-Instruct, without a GPU and without a hub, and what it must have left.

    python recipes/smollm2/run_real_check.py                       # `make real-check`
    python recipes/smollm2/run_real_check.py rl.total_steps=8      # other settings of int-verl
    python recipes/smollm2/run_real_check.py problems.train=my/train.jsonl problems.heldout=my/heldout.jsonl

The same command goes on after a stop. The last lines are the table, which is also in `OUT/real_check.md`; exit code 1
unless every check holds. What pass@1 does is shown, and no check.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "gpu_check"))

from checks import checks, figures  # noqa: E402 - from the path above
from exact_tokens import token_checks  # noqa: E402
from run_gpu_check import machine  # noqa: E402
from table import all_is_well, markdown  # noqa: E402

from int_verl.doctor import Check  # noqa: E402
from int_verl.evaluate import ending_table, format_table  # noqa: E402
from int_verl.evaluate.likelihood import TokenScores, score_tokens  # noqa: E402
from int_verl.files import read_json, read_text, write_text  # noqa: E402
from int_verl.records import read_rows  # noqa: E402
from int_verl.run_files import ENDING_ANSWERS, KEPT, RESULTS, SFT_MODEL  # noqa: E402

CONFIG = HERE / "smollm2.yaml"
AGREEMENT = 1e-5
"Mean difference of a token's probability between rollout and actor, both in 32 bits; this one has 30 layers."
COUNTED = 40
"Kept interventions whose likelihood is computed."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/smollm2"))
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1), help="of each process")
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="settings of int-verl")
    args = parser.parse_intermixed_args()
    os.environ["OMP_NUM_THREADS"] = str(args.threads)
    model, sets = args.out / "model", args.out / "problem_sets"
    run(HERE / "make_model.py", "--out", model)
    run(HERE / "make_problems.py", "--out", sets)
    places = [f"run.dir={args.out}", f"model.path={model}"]
    places += [f"problems.{split}={sets}/{split}.jsonl" for split in ("train", "heldout")]
    run("-m", "int_verl.cli", "run", "--config", CONFIG, "platform=cpu", *places, *args.overrides)
    text, well = table(args.out, model)
    write_text(args.out / "real_check.md", text)
    print(f"\n{text}")
    sys.exit(not well)


def run(*command: str | Path) -> None:
    """Raises SystemExit where it fails; its message is on the screen."""
    try:
        code = subprocess.run([sys.executable, *map(str, command)]).returncode
    except KeyboardInterrupt:  # it has said so
        code = 130
    if code:
        sys.exit(code)


def table(folder: Path, model: Path) -> tuple[str, bool]:
    """What is to be shown of a finished run, and whether every check holds."""
    found = [*checks(folder, model, "cpu", AGREEMENT), *token_checks(folder, model), likelihood_fell(folder, model)]
    seconds = sum(read_json(manifest)["seconds"] for manifest in folder.glob("*/manifest.json"))
    part = {"on": machine("cpu"), "ended": "done", "seconds": seconds}
    shown = figures(folder)
    shown.pop("generation", None)  # counts what the program says among the tokens
    part |= {"checks": [asdict(check) for check in found], "figures": shown}
    results = read_json(folder / RESULTS)
    endings = ending_table(read_rows(folder / ENDING_ANSWERS))
    tables = [markdown(["schedule"], {"schedule": part}), format_table(endings), *map(format_table, results.values())]
    return "\n\n".join(tables) + "\n", all_is_well(["schedule"], {"schedule": part})


def likelihood_fell(folder: Path, model: Path) -> Check:
    """The negative log-likelihood of kept interventions before and after SFT on them."""
    rows = list(read_rows(folder / KEPT))[:COUNTED]
    pairs = [(row["prompt_ids"] + row["prefix_ids"], row["intervention_ids"]) for row in rows]
    trained = Path(read_text(folder / SFT_MODEL).strip())
    before, after = (nats_a_token(score_tokens(each, pairs)) for each in (model, trained))
    detail = f"{before:.2f} -> {after:.2f} nats a token, of {len(rows)} interventions"
    return Check("SFT makes interventions likelier", after < before, detail)


def nats_a_token(scores: Iterable[TokenScores]) -> float:
    """The mean negative log-likelihood of all counted tokens."""
    return -float(np.concatenate([each.log_probs_T for each in scores]).mean())


if __name__ == "__main__":
    main()
