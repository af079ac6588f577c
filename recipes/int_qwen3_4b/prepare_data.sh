#!/usr/bin/env bash
# The problem sets of the recipe: the paper's hard problems to train on, and its benchmarks to evaluate on.
#
#   bash recipes/int_qwen3_4b/prepare_data.sh [key=value ...]    # again, to go on where it stopped
#
# A set is a .parquet, .jsonl or .csv file, or what `datasets` loads: name@revision:split. README.md says what is known of
# each. Settings after the script's name are those of the sampling.
set -xeuo pipefail
RECIPE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

########################### to adjust ###########################

POLARIS=${POLARIS:-POLARIS-Project/Polaris-Dataset-53K}
ACEREASON_MATH=${ACEREASON_MATH:-nvidia/AceReason-Math}
OMNI_MATH=${OMNI_MATH:-KbsdJames/Omni-MATH@0000b6bc8be4aa61655413073c3645ae4b3b30e8:test}
IMO_ANSWERBENCH=${IMO_ANSWERBENCH:-Hwilner/imo-answerbench@5c5108dd2d869c6f7f427fb4d8447c13ffb96ab5}
HMMT=${HMMT:-MathArena/hmmt_nov_2025}
AMO_BENCH=${AMO_BENCH:-meituan-longcat/AMO-Bench:test}
APEX_SHORTLIST=${APEX_SHORTLIST:-MathArena/apex-shortlist@f3efdf224ef665f129ddaae37699f6098c65781b}
REFERENCES=${REFERENCES:-CMU-AIRe/InT-hard-set}  # reference solutions, by the problem's text; only Omni-MATH has its own

ATTEMPTS=${ATTEMPTS:-64}                # a problem is hard if none of so many attempts solves it
OMNI_ATTEMPTS=${OMNI_ATTEMPTS:-128}
FIRST=${FIRST:-4}                       # attempts after which those that are solved are left out
IMO_EVALUATED=${IMO_EVALUATED:-0.5}     # share of IMO-AnswerBench that is evaluated on; the rest is trained on
TEST=${TEST:-64}                        # hard problems that are held out

OUT=${OUT:-runs/int_qwen3_4b/problem_sets}
SAMPLES=${SAMPLES:-runs/int_qwen3_4b_hardness}

SETTINGS=(
    ${MODEL_PATH:+model.path="$MODEL_PATH"}
    ${NNODES:+engine.nnodes="$NNODES"}
    ${GPUS_PER_NODE:+engine.gpus_per_node="$GPUS_PER_NODE"}
    "$@"
)

########################### launch ##############################

mkdir -p "$OUT"

# 1. What models are evaluated on.
int-verl problems curate "$IMO_ANSWERBENCH" --heldout "$IMO_EVALUATED" \
    --heldout-out "$OUT/imo_evaluated.parquet" --out "$OUT/imo_trained.parquet"
int-verl problems join "IMO-AnswerBench=$OUT/imo_evaluated.parquet" "HMMT-Nov-2025=$HMMT" "AMO-Bench=$AMO_BENCH" \
    "Apex-Shortlist=$APEX_SHORTLIST" --for heldout --out "$OUT/benchmarks.parquet"
int-verl problems check "$OUT/benchmarks.parquet" --for heldout --write "$OUT/heldout.parquet"

# 2. The problems of a set that no attempt solves: hard NAME SET ATTEMPTS OTHERS..., whose problems are left out.
hard() {
    local name=$1 set=$2 attempts=$3 left="$OUT/$1.parquet" samples
    shift 3
    int-verl problems curate "$set" --drop-proofs --drop-near 0.8 "${@/#/--benchmark=}" --out "$left"
    for samples in "$FIRST" "$attempts"; do  # one journal: the first attempts are not drawn again
        int-verl eval --config "$RECIPE/int_qwen3_4b.yaml" --problems "$name=$left" --out "$SAMPLES/$name" \
            eval.samples="$samples" "${SETTINGS[@]}"
        int-verl problems hard "$SAMPLES/$name/samples.parquet" --problems "$left" --min-attempts "$samples" \
            --out "$OUT/${name}_0_of_$samples.parquet"
        left="$OUT/${name}_0_of_$samples.parquet"
    done
}
hard polaris "$POLARIS" "$ATTEMPTS" "$OUT/heldout.parquet"
hard acereason_math "$ACEREASON_MATH" "$ATTEMPTS" "$OUT/heldout.parquet" "$OUT/polaris.parquet"
hard omni_math "$OMNI_MATH" "$OMNI_ATTEMPTS" "$OUT/heldout.parquet" "$OUT/polaris.parquet" "$OUT/acereason_math.parquet"

# 3. What is trained on: those that have a reference solution.
int-verl problems join "Polaris=$OUT/polaris_0_of_$ATTEMPTS.parquet" \
    "AceReason-Math=$OUT/acereason_math_0_of_$ATTEMPTS.parquet" "Omni-MATH=$OUT/omni_math_0_of_$OMNI_ATTEMPTS.parquet" \
    "IMO-AnswerBench=$OUT/imo_trained.parquet" --references "$REFERENCES" \
    --heldout "$TEST" --heldout-out "$OUT/test.parquet" --out "$OUT/joined.parquet"
int-verl problems check "$OUT/joined.parquet" --for train --against "$OUT/heldout.parquet" --write "$OUT/hard.parquet"
