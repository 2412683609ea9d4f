#!/usr/bin/env bash
# Train on several GPUs, on one, or on a CPU (NUM_GPUS is then the number of processes).
#
#   bash tools/dist_train.sh CONFIG NUM_GPUS [--validate] [--test-last] [--test-best] [other options of train.py]
#
# Several machines: set NNODES, NODE_RANK, MASTER_ADDR and PORT.

source "$(dirname "${BASH_SOURCE[0]}")/_launch.sh"
if [ $# -lt 2 ]; then
    echo "usage: bash tools/dist_train.sh CONFIG NUM_GPUS [options]; the options:" >&2
    "$PYTHON" "$tools_dir/train.py" --help >&2
    exit 2
fi
config="$1" processes="$2"
shift 2
launch train.py "$processes" "$config" "$@"
