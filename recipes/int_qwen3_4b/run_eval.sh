#!/usr/bin/env bash
# pass@k of the base model, the SFT model and the RL model.
# Stages before it that are not done are run first. Variables and settings: run_qwen3_4b_vllm.sh.
set -xeuo pipefail
STAGE=eval exec bash "$(dirname "${BASH_SOURCE[0]}")/run_qwen3_4b_vllm.sh" "$@"
