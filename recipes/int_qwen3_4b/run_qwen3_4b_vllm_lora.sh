#!/usr/bin/env bash
# The same with LoRA in SFT and RL. After each stage the adapters are folded into the model that the next one starts
# from, and kept in lora_adapter beside it. The paper trains all weights: rank, alpha and rates are our choice.
set -xeuo pipefail

########################### to adjust ###########################

LORA_RANK=${LORA_RANK:-32}
LORA_ALPHA=${LORA_ALPHA:-64}
LEARNING_RATE=${LEARNING_RATE:-1e-5}    # ten times that of full training, as verl advises for LoRA
export RUN_DIR=${RUN_DIR:-runs/int_qwen3_4b_lora}

########################### settings ############################

# merge: the rollout engine gets whole weights, so that it computes what the actor does.
SFT="'model.lora_rank=$LORA_RANK', 'model.lora_alpha=$LORA_ALPHA', 'model.target_modules=all-linear'"
RL="'actor_rollout_ref.model.lora_rank=$LORA_RANK', 'actor_rollout_ref.model.lora_alpha=$LORA_ALPHA'"
RL+=", 'actor_rollout_ref.model.target_modules=all-linear', 'actor_rollout_ref.model.lora.merge=true'"

########################### launch ##############################

exec bash "$(dirname "${BASH_SOURCE[0]}")/run_qwen3_4b_vllm.sh" \
    "sft.overrides=[$SFT]" "sft.learning_rate=$LEARNING_RATE" \
    "rl.overrides=[$RL]" "rl.learning_rate=$LEARNING_RATE" \
    "$@"
