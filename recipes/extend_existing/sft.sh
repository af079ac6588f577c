#!/usr/bin/env bash
# SFT as a verl user may have it, on a file with verl's column `messages`; the diffs in this folder change a line of it.
set -xeuo pipefail

MODEL_PATH=${MODEL_PATH:-Qwen/Qwen2.5-0.5B-Instruct}
TRAIN_FILE=${TRAIN_FILE:-$HOME/data/gsm8k_sft/train.parquet}

torchrun --standalone --nnodes=1 --nproc_per_node=8 -m verl.trainer.sft_trainer \
    data.train_files="$TRAIN_FILE" \
    data.train_batch_size=256 \
    data.max_length=4096 \
    data.pad_mode=no_padding \
    data.max_token_len_per_gpu=8192 \
    model.path="$MODEL_PATH" \
    optim.lr=1e-5 \
    trainer.n_gpus_per_node=8 \
    trainer.total_epochs=3 "$@"
