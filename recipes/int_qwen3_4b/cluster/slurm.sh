#!/usr/bin/env bash
# The recipe as a job of Slurm's, on one node or several:
#
#   sbatch recipes/int_qwen3_4b/cluster/slurm.sh [key=value ...]           # from the checkout, `int-verl` on the PATH
#   sbatch --nodes 2 recipes/int_qwen3_4b/cluster/slurm.sh
#   STAGE=guide sbatch recipes/int_qwen3_4b/cluster/slurm.sh               # as run_qwen3_4b_vllm.sh has it
#
# Before its time limit, and when it is preempted, the job is queued again and goes on where it stopped (docs/scale.md).
#SBATCH --job-name=int_qwen3_4b
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=32
#SBATCH --gpus-per-node=8
#SBATCH --exclusive
#SBATCH --time=24:00:00
#SBATCH --output=int_qwen3_4b-%j.log
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --signal=B:USR1@120
set -euo pipefail

########################### to adjust ###########################

RAY_PORT=${RAY_PORT:-6379}
# module load cuda; source /path/to/venv/bin/activate

########################### Ray over the nodes ##################

cd "$SLURM_SUBMIT_DIR"  # on a file system that every node sees
export NNODES=$SLURM_JOB_NUM_NODES
export GPUS_PER_NODE=$SLURM_GPUS_ON_NODE
SCRIPT=recipes/int_qwen3_4b/run_qwen3_4b_vllm.sh

ray_on() {  # NODE OPTION...
    srun --overlap --nodes=1 --ntasks=1 --cpus-per-task="$SLURM_CPUS_PER_TASK" --gpus-per-node="$GPUS_PER_NODE" \
        --nodelist="$1" \
        ray start --block --num-gpus="$GPUS_PER_NODE" --num-cpus="$SLURM_CPUS_PER_TASK" "${@:2}" &
}
ray_has() {  # NODES
    for _ in $(seq 150); do
        if [ "$(ray status --address="$RAY_ADDRESS" 2> /dev/null | grep -c ' node_')" = "$1" ]; then return; fi
        sleep 2
    done
    echo "no Ray of $1 nodes at $RAY_ADDRESS after five minutes" >&2
    exit 1
}

if [ "$NNODES" -gt 1 ]; then
    SCRIPT=recipes/int_qwen3_4b/run_qwen3_4b_vllm_multinode.sh
    mapfile -t NODES < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
    HEAD=$(srun --overlap --nodes=1 --ntasks=1 --nodelist="${NODES[0]}" hostname --ip-address)
    HEAD=${HEAD%% *}
    export RAY_ADDRESS=$HEAD:$RAY_PORT
    ray_on "${NODES[0]}" --head --port="$RAY_PORT" --node-ip-address="$HEAD"
    ray_has 1
    for node in "${NODES[@]:1}"; do ray_on "$node" --address="$RAY_ADDRESS"; done
    ray_has "$NNODES"
fi

########################### launch ##############################

bash "$SCRIPT" "$@" &
run=$!
trap 'kill -TERM $run' USR1 TERM
while kill -0 $run 2> /dev/null; do wait $run || true; done  # a signal ends the wait, not the run
code=0
wait $run || code=$?
if [ $code = 75 ]; then scontrol requeue "$SLURM_JOB_ID"; fi
exit $code
