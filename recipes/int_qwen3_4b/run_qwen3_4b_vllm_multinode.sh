#!/usr/bin/env bash
# The same on several nodes: `ray start` on each of them first (README.md), then this on the head node.
# The run's folder, the problem sets and the model must lie where every node sees them.
set -xeuo pipefail
export RAY_ADDRESS=${RAY_ADDRESS:-auto}
export NNODES=${NNODES:-2}
exec bash "$(dirname "${BASH_SOURCE[0]}")/run_qwen3_4b_vllm.sh" "$@"
