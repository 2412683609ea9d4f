#!/usr/bin/env bash
# From a fresh checkout to Action Units of a real video: sets the environment up, makes a synthetic data set, trains a
# small network on it, tests it, and applies it to a video. A second run reuses what is there.
#
#   bash tools/quickstart.sh [--video PATH] [--work-dir DIR] [--fresh] [options of tools/train.py]
#
# Results: work_dirs/quickstart/{result.pkl,aus.csv,overlay.mp4,timeline.png}

source "$(dirname "${BASH_SOURCE[0]}")/setup_env.sh"

usage() {
    sed -n '2,7s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
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

video= fresh= work_dir="$root_dir/work_dirs/quickstart"
train_options=()
while [ $# -gt 0 ]; do
    case "$1" in
        --video | --work-dir)
            [ $# -ge 2 ] || fail "$1 needs a path"
            [ "$1" = --video ] && video="$(realpath -m "$2")" || work_dir="$(realpath -m "$2")"
            shift 2
            ;;
        --fresh) fresh=1 && shift ;;
        -h | --help) usage && exit 0 ;;
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

# A trained network is used again as long as nothing it came from has changed.
recipe="$(cat configs/_base_/*/*.py configs/_base_/*.py "$config" "$work_dir/data/annotation.pkl" | cksum) ${train_options[*]:-}"
best="$(ls -t "$work_dir"/best_*.pth 2>/dev/null | head -n 1 || true)"
if [ -n "$fresh" ] || [ -z "$best" ] || [ "$(cat "$work_dir/recipe.txt" 2>/dev/null)" != "$recipe" ]; then
    echo "== 2/4  Training (a few minutes)"
    rm -f "$work_dir"/*.pth "$work_dir/last_checkpoint" "$work_dir/recipe.txt"
    log="$work_dir/train.log"
    bash tools/dist_train.sh "$config" 1 --validate --test-last --test-best --work-dir "$work_dir" \
        --ann-file "$work_dir/data/annotation.pkl" ${train_options[@]+"${train_options[@]}"} 2>&1 | tee "$log" | progress ||
        { tail -n 5 "$log" >&2 && fail "training failed; the whole log: $log"; }
    printf '%s' "$recipe" >"$work_dir/recipe.txt"
    best="$(ls -t "$work_dir"/best_*.pth | head -n 1)"
else
    echo "== 2/4  Training: done before ($best); --fresh trains again"
fi

echo "== 3/4  Testing on synthetic faces of people the network has not seen"
# joint.py there is the config as it was trained, with the options given above.
bash tools/dist_test.sh "$work_dir/joint.py" "$best" 1 --eval f1_score top_k_accuracy mean_class_accuracy \
    --out "$work_dir/result.pkl" --work-dir "$work_dir/test" --ann-file "$work_dir/data/annotation.pkl" \
    >"$work_dir/test.log" 2>&1 || { tail -n 5 "$work_dir/test.log" >&2 && fail "testing failed; the whole log: $work_dir/test.log"; }

echo "== 4/4  Applying it to $video"
"$PYTHON" demo/demo_au.py "$video" "$best" --out "$work_dir"

"$PYTHON" tools/show_results.py "$work_dir/result.pkl"
echo "checkpoint: $best"
for name in result.pkl aus.csv overlay.mp4 timeline.png; do
    echo "$work_dir/$name"
done
