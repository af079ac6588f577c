#!/usr/bin/env bash
# Interventions by Qwen3-30B-A3B-Instruct-2507 for the attempts of the 4B model, the paper's strongest proposer.
# It is served beforehand, on GPUs that the 4B model's servers do not take:
#
#   vllm serve Qwen/Qwen3-30B-A3B-Instruct-2507 --tensor-parallel-size 4 --max-model-len 32768
#
# That server and ours share a node of 8 GPUs while data is generated; SFT and RL want all 8, so stop it before
# (STAGE=guide first, then STAGE=run).
set -xeuo pipefail

########################### to adjust ###########################

PROPOSER_PATH=${PROPOSER_PATH:-Qwen/Qwen3-30B-A3B-Instruct-2507}
PROPOSER_URLS=${PROPOSER_URLS:-http://localhost:8000/v1}  # several: separated by commas
STUDENT_GPUS=${STUDENT_GPUS:-4}
export RUN_DIR=${RUN_DIR:-runs/int_qwen3_4b_30b_proposer}

########################### launch ##############################

exec bash "$(dirname "${BASH_SOURCE[0]}")/run_qwen3_4b_vllm.sh" \
    "proposer.path=$PROPOSER_PATH" \
    "proposer.engine={name: openai, base_urls: ['${PROPOSER_URLS//,/\',\'}']}" \
    "engine.gpus_per_node=$STUDENT_GPUS" \
    "$@"
