_base_ = [
    '../../_base_/models/slowonly_small.py',
    '../../_base_/datasets/synthetic.py',
    '../../_base_/schedules/adamw_quick.py',
    '../../_base_/default_runtime.py',
]

ann_file = 'work_dirs/quickstart/data/annotation.pkl'  # bash tools/quickstart.sh makes it
keypoint_layout = 'ibug51'  # the inner face: brows, eyes, nose and mouth, no jaw line
