_base_ = [
    '../../_base_/models/slowonly_r50.py',
    '../../_base_/datasets/bp4d.py',
    '../../_base_/schedules/adamw_10e.py',
    '../../_base_/default_runtime.py',
]

ann_file = 'data/bp4d/BP4D.pkl'  # your annotation file; or give --ann-file PATH
aus = ['AU1', 'AU2', 'AU4', 'AU6', 'AU7', 'AU10', 'AU12', 'AU14', 'AU15', 'AU17', 'AU23', 'AU24']
keypoint_layout = 'ibug68'
model = dict(cls_head=dict(num_classes=len(aus)))
