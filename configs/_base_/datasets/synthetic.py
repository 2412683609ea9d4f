# Windows of 16 frames of synthetic faces (pyskl/synth), with a label for every frame. Movements are shown on the
# average face and twice as large: in 32x32 pixels a raised brow moves by half a pixel.
clip_len = 16
train_pipeline = [
    dict(type='SampleWindow', clip_len=clip_len),
    dict(type='PoseDecode'),
    dict(type='AlignFace', size=(32, 32), eye_distance=0.4, eye_height=0.27),
    dict(type='SubtractRestingFace', gain=2.0),
    dict(type='RandomAffine', rotation=4, scale=(0.95, 1.05), shift=0.02, jitter=0.001),
    dict(type='Flip', flip_ratio=0.5),
    dict(type='FormatShape', input_format='NMTVC'),
    dict(type='Collect', keys=['keypoint', 'keypoint_score', 'label']),
    dict(type='ToTensor', keys=['keypoint', 'keypoint_score', 'label']),
]
test_pipeline = [
    dict(type='SampleWindow', clip_len=clip_len),
    dict(type='PoseDecode'),
    dict(type='AlignFace', size=(32, 32), eye_distance=0.4, eye_height=0.27),
    dict(type='SubtractRestingFace', gain=2.0),
    dict(type='FormatShape', input_format='NMTVC'),
    dict(type='Collect', keys=['keypoint', 'keypoint_score', 'label']),
    dict(type='ToTensor', keys=['keypoint', 'keypoint_score', 'label']),
]
train_dataloader = dict(
    batch_size=16,
    num_workers=0,
    drop_last=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(type='PoseDataset', split='train', clip_len=clip_len, pipeline=train_pipeline),
)
val_dataloader = dict(
    batch_size=64,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(type='PoseDataset', split='val', clip_len=clip_len, pipeline=test_pipeline, test_mode=True),
)
test_dataloader = dict(
    batch_size=64,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(type='PoseDataset', split='test', clip_len=clip_len, pipeline=test_pipeline, test_mode=True),
)
val_evaluator = dict(type='AUMetric', metrics=('f1_score',))
test_evaluator = dict(type='AUMetric', metrics=('f1_score', 'top_k_accuracy', 'mean_class_accuracy'))
