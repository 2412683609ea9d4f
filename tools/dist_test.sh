#!/usr/bin/env bash
# Test a checkpoint on several GPUs, on one, or on a CPU (NUM_GPUS is then the number of processes).
#
#   bash tools/dist_test.sh CONFIG CHECKPOINT NUM_GPUS [--eval METRIC ...] [--out FILE] [other options of test.py]
#
# Several machines: set NNODES, NODE_RANK, MASTER_ADDR and PORT.

source "$(dirname "${BASH_SOURCE[0]}")/_launch.sh"
if [ $# -lt 3 ]; then
    echo "usage: bash tools/dist_test.sh CONFIG CHECKPOINT NUM_GPUS [options]; the options:" >&2
    "$PYTHON" "$tools_dir/test.py" --help >&2
    exit 2
fi
config="$1" checkpoint="$2" processes="$3"
shift 3
launch test.py "$processes" "$config" "$checkpoint" "$@"
