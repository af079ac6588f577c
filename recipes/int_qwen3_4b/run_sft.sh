#!/usr/bin/env bash
# SFT on prefix + intervention, stock verl.trainer.sft_trainer.
# Stages before it that are not done are run first. Variables and settings: run_qwen3_4b_vllm.sh.
set -xeuo pipefail
STAGE=sft exec bash "$(dirname "${BASH_SOURCE[0]}")/run_qwen3_4b_vllm.sh" "$@"
