#!/usr/bin/env bash
# Iterated InT: a run, then a second one from its RL model, on the problems that this model still does not solve.
# The paper has one round; this is our extension of it. Variables and settings: run_qwen3_4b_vllm.sh.
set -xeuo pipefail
RECIPE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

########################### to adjust ###########################

RUN_DIR=${RUN_DIR:-runs/int_qwen3_4b}
ATTEMPTS=${ATTEMPTS:-64}                # unsolved: none of so many attempts of the first round's model

########################### launch ##############################

# 1. What is done of it is passed over. The exported RL model's folder stands in rl/model.txt.
RUN_DIR="$RUN_DIR" bash "$RECIPE/run_qwen3_4b_vllm.sh" "$@"
MODEL_PATH=$(<"$RUN_DIR/rl/model.txt")
export MODEL_PATH

# 2. Which training problems does it still not solve?
STAGE=sample RUN_DIR="$RUN_DIR-unsolved" bash "$RECIPE/run_qwen3_4b_vllm.sh" "$@" sample.attempts="$ATTEMPTS"
int-verl problems hard "$RUN_DIR-unsolved" --min-attempts "$ATTEMPTS" --out "$RUN_DIR-unsolved/unsolved.parquet"

# 3. The same schedule on them.
TRAIN="$RUN_DIR-unsolved/unsolved.parquet" RUN_DIR="$RUN_DIR-round2" bash "$RECIPE/run_qwen3_4b_vllm.sh" "$@"
