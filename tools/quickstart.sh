#!/usr/bin/env bash
# From a fresh checkout to Action Units of a real video: sets the environment up, makes a synthetic data set, trains a
# small network on it, tests it, and applies it to a video. A second run reuses what is there; after an interruption it
# goes on.
#
#   bash tools/quickstart.sh [--video PATH] [--work-dir DIR] [--fresh] [options of tools/train.py]
#
# Results: work_dirs/quickstart/{result.pkl,aus.csv,overlay.mp4,timeline.png}; the network: work_dirs/quickstart/network/

set -euo pipefail

usage() {
    sed -n '2,8s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
    echo
    echo "  --video PATH     your own video, in place of the example clip"
    echo "  --work-dir DIR   where everything goes (default: work_dirs/quickstart)"
    echo "  --fresh          train again, even if a trained network is there"
    echo "  --help           this text"
}

# Of the training log, shows the progress alone.
progress() {
    sed -unE 's/.*Epoch\(train\) +\[([0-9]+)\]\[ *([0-9]+\/[0-9]+)\].* eta: ([0-9:]+).* loss: ([0-9.]+) .*/epoch \1  step \2  loss \4  time left \3/p
        s/.*Epoch\(val\) +\[([0-9]+)\].* f1_score: ([0-9.]+) .*/epoch \1  macro F1 on validation people \2/p'
}

absolute() {
    "$PYTHON" -c 'import os, sys; print(os.path.abspath(sys.argv[1]))' "$1"
}

interrupted() {
    trap '' INT
    echo >&2
    echo "interrupted; the same command${fresh:+ without --fresh} goes on from here" >&2
    exit 130
}

for argument in "$@"; do
    case "$argument" in -h | --help) usage && exit 0 ;; esac
done
video= fresh= work_dir=
trap interrupted INT
source "$(dirname "${BASH_SOURCE[0]}")/setup_env.sh"

work_dir="$root_dir/work_dirs/quickstart"
train_options=()
while [ $# -gt 0 ]; do
    case "$1" in
        --video | --work-dir)
            [ $# -ge 2 ] || fail "$1 needs a path"
            [ -n "$2" ] || fail "$1 needs a path"
            if [ "$1" = --video ]; then video="$(absolute "$2")"; else work_dir="$(absolute "$2")"; fi
            shift 2
            ;;
        --fresh) fresh=1 && shift ;;
        *) train_options+=("$1") && shift ;;
    esac
done
cd "$root_dir"
config=configs/posec3d/slowonly_small_synthetic/joint.py

if [ -n "$video" ]; then
    [ -f "$video" ] || fail "--video: $video does not exist"
else
    "$PYTHON" tools/fetch_assets.py face_landmarker pyfeat_videos
    video="$("$PYTHON" -c 'from pyskl.assets import fetch_asset; print(fetch_asset("pyfeat_videos"))')/WolfgangLanger_Pexels.mp4"
fi

echo "== 1/4  Data: synthetic faces"
"$PYTHON" tools/data/make_synthetic.py --preset demo --seed 0 --out "$work_dir/data"

# What the network comes from: configs, code, data and options. A trained network is used again as long as it is the same.
code="$(find pyskl/{models,datasets,engine,keypoints,synth,evaluation} -name '*.py' -exec cksum {} + | LC_ALL=C sort | cksum)"
recipe="$(cat configs/_base_/*/*.py configs/_base_/*.py "$config" "$work_dir/data/annotation.pkl" | cksum) $code ${train_options[*]:-}"

made_by_recipe() {
    [ -f "$1/recipe.txt" ] && [ "$(cat "$1/recipe.txt")" = "$recipe" ]
}

# The best network of a folder; the last one, if none was scored.
checkpoint_of() {
    { ls -t "$1"/best_*.pth 2>/dev/null || ls -t "$1"/epoch_*.pth 2>/dev/null || true; } | head -n 1
}

# Trains into network.new, which takes the place of network when it is finished: until then the last good one stays.
network="$work_dir/network" new="$work_dir/network.new"
train() {
    local folder resume=() log="$new/train.log" hint=
    for folder in "$network" "$new"; do
        [ ! -e "$folder" ] || [ -f "$folder/recipe.txt" ] ||
            fail "$folder was not made by the quick start; move it away, or give another --work-dir"
    done
    if [ -z "$fresh" ] && made_by_recipe "$new" && [ -f "$new/last_checkpoint" ]; then
        echo "== 2/4  Training: goes on where it was interrupted"
        resume=(--resume) hint="; --fresh starts from the beginning"
    else
        echo "== 2/4  Training (a few minutes)"
        if [ -d "$new/replaced" ] && [ ! -e "$network" ]; then mv "$new/replaced" "$network"; fi
        rm -rf "$new"
        mkdir -p "$new"
        printf '%s' "$recipe" >"$new/recipe.txt"
    fi
    bash tools/dist_train.sh "$config" 1 --validate --test-last --test-best --work-dir "$new" \
        --ann-file "$work_dir/data/annotation.pkl" ${resume[@]+"${resume[@]}"} \
        ${train_options[@]+"${train_options[@]}"} 2>&1 | tee -i -a "$log" | progress ||
        { tail -n 5 "$log" >&2 && fail "training failed; the whole log: $log$hint"; }
    [ -n "$(checkpoint_of "$new")" ] || fail "training has left no checkpoint; the whole log: $log"
    # By renaming alone, so that an interruption leaves a whole network in one of the two places.
    if [ -e "$network" ]; then mv "$network" "$new/replaced"; fi
    mv "$new" "$network"
    rm -rf "$network/replaced"
}

best="$(checkpoint_of "$network")"
if [ -z "$fresh" ] && [ -n "$best" ] && made_by_recipe "$network" && ! made_by_recipe "$new"; then
    echo "== 2/4  Training: done before ($best); --fresh trains again"
else
    train
    best="$(checkpoint_of "$network")"
fi

echo "== 3/4  Testing on synthetic faces of people the network has not seen"
# network/joint.py is the config as it was trained, with the options given above.
bash tools/dist_test.sh "$network/joint.py" "$best" 1 --eval f1_score top_k_accuracy mean_class_accuracy \
    --out "$work_dir/result.pkl" --work-dir "$work_dir/test" --ann-file "$work_dir/data/annotation.pkl" \
    >"$work_dir/test.log" 2>&1 || { tail -n 5 "$work_dir/test.log" >&2 && fail "testing failed; the whole log: $work_dir/test.log"; }

echo "== 4/4  Applying it to $video"
"$PYTHON" demo/demo_au.py "$video" "$best" --out "$work_dir"

"$PYTHON" tools/show_results.py "$work_dir/result.pkl"
echo "checkpoint: $best"
for name in result.pkl aus.csv overlay.mp4 timeline.png; do
    echo "$work_dir/$name"
done
