#!/usr/bin/env bash
# InT on Qwen3-4B-Instruct-2507: one node of 8 GPUs, FSDP2, vLLM. All stages, or the one that STAGE names.
#
#   bash recipes/int_qwen3_4b/run_qwen3_4b_vllm.sh [key=value ...]
#   DRY_RUN=1 bash ...                  # prints the stock verl commands and does nothing
#
# Run it again to go on where it stopped. A variable that is not set leaves int_qwen3_4b.yaml as it is.
set -xeuo pipefail
RECIPE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

########################### to adjust ###########################

STAGE=${STAGE:-run}                     # run, sample, propose, guide, sft, ending, rl, eval or report
MODEL_PATH=${MODEL_PATH:-}
TRAIN=${TRAIN:-}
HELDOUT=${HELDOUT:-}
RUN_DIR=${RUN_DIR:-}
NNODES=${NNODES:-}                      # of the Ray cluster; SFT keeps to one node
GPUS_PER_NODE=${GPUS_PER_NODE:-}
DRY_RUN=${DRY_RUN:-}

########################### settings ############################

DATA=(
    ${TRAIN:+problems.train="$TRAIN"}
    ${HELDOUT:+problems.heldout="$HELDOUT"}
    ${RUN_DIR:+run.dir="$RUN_DIR"}
)

MODEL=(
    ${MODEL_PATH:+model.path="$MODEL_PATH"}
)

MACHINE=(
    ${NNODES:+engine.nnodes="$NNODES" rl.nnodes="$NNODES"}
    ${GPUS_PER_NODE:+engine.gpus_per_node="$GPUS_PER_NODE" sft.gpus_per_node="$GPUS_PER_NODE"}
    ${GPUS_PER_NODE:+rl.gpus_per_node="$GPUS_PER_NODE"}
)

########################### launch ##############################

exec int-verl "$STAGE" --config "$RECIPE/int_qwen3_4b.yaml" ${DRY_RUN:+--dry-run} \
    "${DATA[@]}" \
    "${MODEL[@]}" \
    "${MACHINE[@]}" \
    "$@"
