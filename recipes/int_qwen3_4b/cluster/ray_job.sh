#!/usr/bin/env bash
# The recipe as a job of a Ray cluster that runs already, one node of 8 GPUs or several:
#
#   bash recipes/int_qwen3_4b/cluster/ray_job.sh [key=value ...]
#   RAY_DASHBOARD=http://head:8265 NNODES=2 bash recipes/int_qwen3_4b/cluster/ray_job.sh
#
# Nothing is uploaded: the checkout, with `int-verl` on every node's PATH, lies where the nodes see it under one name.
# `ray job stop` ends the run as Ctrl-C does if RAY_JOB_STOP_WAIT_TIME_S=60 was set for `ray start --head` (3 s otherwise,
# then SIGKILL); the same command goes on either way.
set -euo pipefail

########################### to adjust ###########################

RAY_DASHBOARD=${RAY_DASHBOARD:-http://127.0.0.1:8265}
CHECKOUT=${CHECKOUT:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)}

########################### launch ##############################

# What run_qwen3_4b_vllm.sh reads; a job has the environment of the node's Ray, not of this shell.
VARIABLES=()
for name in STAGE MODEL_PATH TRAIN HELDOUT RUN_DIR NNODES GPUS_PER_NODE DRY_RUN HF_HOME; do
    if [ -n "${!name:-}" ]; then VARIABLES+=("$name=${!name}"); fi
done
set -x
ray job submit --address "$RAY_DASHBOARD" -- \
    env --chdir "$CHECKOUT" "${VARIABLES[@]}" bash recipes/int_qwen3_4b/run_qwen3_4b_vllm.sh "$@"
