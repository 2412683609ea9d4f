_base_ = [
    '../../_base_/models/slowonly_r50.py',
    '../../_base_/datasets/custom.py',
    '../../_base_/schedules/adamw_10e.py',
    '../../_base_/default_runtime.py',
]

ann_file = 'data/custom/annotation.pkl'  # your annotation file; or give --ann-file PATH
# The labels of your table, in the order of its columns; the network gets one output for each.
aus = ['AU1', 'AU2', 'AU4', 'AU6', 'AU7', 'AU10', 'AU12', 'AU15', 'AU23', 'AU24', 'AU25', 'AU26']
keypoint_layout = 'ibug68'
model = dict(cls_head=dict(num_classes=len(aus)))
