#!/usr/bin/env bash
# Train on a Slurm cluster: one task per GPU.
#
#   GPUS=8 GPUS_PER_NODE=8 CPUS_PER_TASK=5 SRUN_ARGS="--time=24:00:00" \
#       bash tools/slurm_train.sh PARTITION JOB_NAME CONFIG [options of train.py]

source "$(dirname "${BASH_SOURCE[0]}")/_launch.sh"
if [ $# -lt 3 ]; then
    echo "usage: GPUS=8 bash tools/slurm_train.sh PARTITION JOB_NAME CONFIG [options of train.py]" >&2
    exit 2
fi
partition="$1" job="$2" config="$3"
shift 3
gpus="${GPUS:-8}"
per_node="${GPUS_PER_NODE:-8}"
[ "$gpus" -lt "$per_node" ] && per_node="$gpus"
read -r -a extra <<<"${SRUN_ARGS:-}"
exec srun -p "$partition" --job-name="$job" --gres="gpu:$per_node" --ntasks="$gpus" --ntasks-per-node="$per_node" \
    --cpus-per-task="${CPUS_PER_TASK:-5}" --kill-on-bad-exit=1 "${extra[@]}" \
    "$PYTHON" -u "$tools_dir/train.py" "$config" --launcher slurm "$@"
