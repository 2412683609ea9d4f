#!/usr/bin/env bash
# Makes the Python environment that the other scripts use. Run it, or source it to have PYTHON set as well.
#
#   bash tools/setup_env.sh
#
# Uses the active virtual environment (venv or conda, but not conda's base), or makes and uses .venv in the checkout. Everything is installed
# in the versions of constraints.txt. A second run finds nothing to do and costs a second. With PYTHON=... set to a Python
# that has everything already, that one is used as it is and nothing is installed.

set -euo pipefail

root_dir="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"

fail() {
    echo "error: $*" >&2
    exit 1
}

supported() {
    "$1" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null
}

# System libraries of the face landmark detector, by the file the loader looks for.
install_system_libraries() {
    [ "$(uname -s)" = Linux ] || return 0
    local missing
    missing="$("$PYTHON" - <<'EOF'
import ctypes

PACKAGES = {
    'libEGL.so.1': 'libegl1',
    'libGLESv2.so.2': 'libgles2',
    'libGL.so.1': 'libgl1',
    'libgthread-2.0.so.0': 'libglib2.0-0',
}
for library, package in PACKAGES.items():
    try:
        ctypes.CDLL(library)
    except OSError:
        print(package, end=' ')
EOF
)"
    [ -n "$missing" ] || return 0
    if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
        echo "Installing system libraries: $missing"
        # shellcheck disable=SC2086  # a list of package names
        apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing
    else
        fail "system libraries are missing; install them and run this again: sudo apt-get install $missing" \
            "(on other systems: the packages with EGL, GLES 2, GL and GLib)"
    fi
}

as_it_is="${PYTHON:-}"
if [ -n "$as_it_is" ]; then
    command -v "$PYTHON" >/dev/null || fail "PYTHON: $PYTHON is no program"
    case "$PYTHON" in */*) PYTHON="$(cd "$(dirname "$PYTHON")" && pwd)/$(basename "$PYTHON")" ;; esac
elif [ -n "${VIRTUAL_ENV:-}" ]; then
    PYTHON="$VIRTUAL_ENV/bin/python"
elif [ -n "${CONDA_PREFIX:-}" ] && [ "${CONDA_DEFAULT_ENV:-base}" != base ]; then
    PYTHON="$CONDA_PREFIX/bin/python"
else
    if [ ! -x "$root_dir/.venv/bin/python" ]; then
        base=
        for candidate in "${BASE_PYTHON:-}" python3 python3.13 python3.12 python3.11 python3.10; do
            if [ -n "$candidate" ] && command -v "$candidate" >/dev/null && supported "$candidate"; then
                base="$candidate"
                break
            fi
        done
        [ -n "$base" ] || fail "Python 3.10 to 3.13 is needed, and none was found; install one, or set BASE_PYTHON"
        echo "Making a virtual environment in .venv with $("$base" --version)"
        "$base" -m venv "$root_dir/.venv" ||
            fail "no virtual environment could be made; on Debian or Ubuntu: sudo apt-get install python3-venv"
    fi
    PYTHON="$root_dir/.venv/bin/python"
fi
supported "$PYTHON" || fail "$PYTHON is $("$PYTHON" --version); Python 3.10 to 3.13 is needed"
export PYTHON
export PYTHONPATH="$root_dir${PYTHONPATH:+:$PYTHONPATH}"

install_system_libraries

# The stamp names what was installed; another content installs again.
stamp="$("$PYTHON" -c 'import sys; print(sys.prefix)')/.pyskl-installed"
want="$(cat "$root_dir/constraints.txt" "$root_dir/setup.py" | cksum) $root_dir"
if [ -z "$as_it_is" ] && { [ ! -f "$stamp" ] || [ "$(cat "$stamp")" != "$want" ]; }; then
    echo "Installing the packages of constraints.txt (a few minutes)"
    rm -f "$stamp"
    pip=("$PYTHON" -m pip --disable-pip-version-check install --progress-bar off -qq)
    # First torch, by its exact version: see constraints.txt.
    "${pip[@]}" torch==2.13.0 || fail "torch could not be installed; the lines above say why"
    "${pip[@]}" -c "$root_dir/constraints.txt" -e "$root_dir[all]" ||
        fail "the packages could not be installed; the lines above say why"
    # OpenCV's two packages unpack into one folder; make sure that what is there now works.
    "$PYTHON" -c 'import cv2, mediapipe, torch; cv2.VideoCapture; cv2.imencode' ||
        fail "the installed packages do not work together; remove .venv and run this again"
    printf '%s' "$want" >"$stamp"
fi
