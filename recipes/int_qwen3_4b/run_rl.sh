#!/usr/bin/env bash
# GRPO from the SFT checkpoint, stock verl.trainer.main_ppo.
# Stages before it that are not done are run first. Variables and settings: run_qwen3_4b_vllm.sh.
set -xeuo pipefail
STAGE=rl exec bash "$(dirname "${BASH_SOURCE[0]}")/run_qwen3_4b_vllm.sh" "$@"
