_base_ = [
    '../../_base_/models/slowonly_r50.py',
    '../../_base_/datasets/disfa.py',
    '../../_base_/schedules/adamw_10e.py',
    '../../_base_/default_runtime.py',
]

ann_file = 'data/disfa/DISFA.pkl'  # your annotation file; or give --ann-file PATH
aus = ['AU1', 'AU2', 'AU4', 'AU6', 'AU9', 'AU12', 'AU25', 'AU26']
keypoint_layout = 'ibug68'
model = dict(cls_head=dict(num_classes=len(aus)))
