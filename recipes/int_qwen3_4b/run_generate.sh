#!/usr/bin/env bash
# Attempts, interventions and guided rollouts: the three generator stages, which are one stream.
# Stages before it that are not done are run first. Variables and settings: run_qwen3_4b_vllm.sh.
set -xeuo pipefail
STAGE=guide exec bash "$(dirname "${BASH_SOURCE[0]}")/run_qwen3_4b_vllm.sh" "$@"
