_base_ = [
    '../../_base_/models/slowonly_r50.py',
    '../../_base_/datasets/affwild.py',
    '../../_base_/schedules/adamw_10e.py',
    '../../_base_/default_runtime.py',
]

ann_file = 'data/affwild2/AffWild_train_full.pkl'  # your annotation file; or give --ann-file PATH
aus = ['AU1', 'AU2', 'AU4', 'AU6', 'AU7', 'AU10', 'AU12', 'AU15', 'AU23', 'AU24', 'AU25', 'AU26']
keypoint_layout = 'ibug68'  # 'coco_wholebody133' for all 133 whole-body keypoints
