#!/usr/bin/env bash
# Sets the environment up, checks the style, and runs the tests.
#
#   bash tools/run_tests.sh [arguments of pytest]

source "$(dirname "${BASH_SOURCE[0]}")/setup_env.sh"
cd "$root_dir"
"$PYTHON" -m ruff check .
"$PYTHON" -m ruff format --check .
"$PYTHON" tools/fetch_assets.py face_landmarker pyfeat_videos carphone
"$PYTHON" -m pytest "$@"
