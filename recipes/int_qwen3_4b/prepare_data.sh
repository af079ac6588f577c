#!/usr/bin/env bash
# The problem sets of the recipe: the hard problems of TRAIN_SOURCE to train on, and HELDOUT_SOURCE to evaluate on.
#
#   HELDOUT_SOURCE=heldout.jsonl bash recipes/int_qwen3_4b/prepare_data.sh
#
# A source is a .parquet, .jsonl or .csv file or a `datasets` name (name:split). Held-out rows need no reference solution;
# their column `source` names the benchmark that each belongs to.
set -xeuo pipefail
RECIPE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

########################### to adjust ###########################

TRAIN_SOURCE=${TRAIN_SOURCE:-KbsdJames/Omni-MATH:test}
HELDOUT_SOURCE=${HELDOUT_SOURCE:?"a file with the evaluation problems, see README.md"}
OUT=${OUT:-runs/int_qwen3_4b/problem_sets}
ATTEMPTS=${ATTEMPTS:-64}                # a problem is hard if none of so many attempts solves it
SAMPLES=${SAMPLES:-runs/int_qwen3_4b_hardness}

########################### launch ##############################

mkdir -p "$OUT"

# What cannot be used is left out and listed: gold answers that do not parse, duplicates, empty references.
int-verl problems check "$HELDOUT_SOURCE" --for heldout --write "$OUT/heldout.parquet"
int-verl problems check "$TRAIN_SOURCE" --for train --against "$OUT/heldout.parquet" --write "$OUT/all.parquet"

STAGE=sample TRAIN="$OUT/all.parquet" HELDOUT="$OUT/heldout.parquet" RUN_DIR="$SAMPLES" \
    bash "$RECIPE/run_qwen3_4b_vllm.sh" sample.attempts="$ATTEMPTS" "$@"

int-verl problems hard "$SAMPLES" --min-attempts "$ATTEMPTS" --out "$OUT/hard.parquet"
