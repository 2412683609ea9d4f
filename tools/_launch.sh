# Sourced by the launch scripts: finds the Python to use and starts one or several processes.
#
# launch SCRIPT NUM_PROCESSES ARGUMENTS...

set -euo pipefail

tools_dir="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
root_dir="$(dirname "$tools_dir")"
if [ -z "${PYTHON:-}" ]; then
    conda=
    # conda's base is active in every shell of many machines; that says nothing about what to use here.
    if [ -n "${CONDA_PREFIX:-}" ] && [ "${CONDA_DEFAULT_ENV:-base}" != base ]; then conda="$CONDA_PREFIX"; fi
    if [ -z "${VIRTUAL_ENV:-}$conda" ] && [ -x "$root_dir/.venv/bin/python" ]; then
        PYTHON="$root_dir/.venv/bin/python"
    elif command -v python >/dev/null; then
        PYTHON=python
    else
        PYTHON=python3
    fi
fi
if ! command -v "$PYTHON" >/dev/null; then
    echo "error: $PYTHON is no program; run: bash tools/setup_env.sh" >&2
    exit 1
fi
export PYTHONPATH="$root_dir${PYTHONPATH:+:$PYTHONPATH}"

# Looks for the packages without importing them, which takes no time.
if ! "$PYTHON" -c 'import sys; from importlib.util import find_spec as find
sys.exit(not all(map(find, ("torch", "mmengine", "mmcv"))))'; then
    echo "error: the packages are not installed in $(command -v "$PYTHON"); run: bash tools/setup_env.sh" >&2
    exit 1
fi

launch() {
    local script="$1" processes="$2"
    shift 2
    if ! [[ "$processes" =~ ^[1-9][0-9]*$ ]]; then
        echo "error: NUM_GPUS: must be a positive number, not '$processes'" >&2
        exit 1
    fi
    local nodes="${NNODES:-1}"
    if [ "$processes" -eq 1 ] && [ "$nodes" -eq 1 ]; then
        exec "$PYTHON" "$tools_dir/$script" "$@"
    fi
    # A mistake in the config or the data is reported once and in one line, before the processes are started.
    "$PYTHON" "$tools_dir/$script" "$@" --dry-run || exit $?
    if [ -z "${OMP_NUM_THREADS:-}" ]; then
        local cores
        cores="$(getconf _NPROCESSORS_ONLN)"
        export OMP_NUM_THREADS=$((cores / processes > 0 ? cores / processes : 1))
    fi
    local rendezvous=(--standalone)
    if [ "$nodes" -gt 1 ]; then
        rendezvous=(--nnodes "$nodes" --node_rank "${NODE_RANK:-0}"
            --master_addr "${MASTER_ADDR:-127.0.0.1}" --master_port "${PORT:-29500}")
    fi
    exec "$PYTHON" -m torch.distributed.run "${rendezvous[@]}" --nproc_per_node "$processes" \
        "$tools_dir/$script" "$@" --launcher pytorch
}
