# Windows of 32 frames with a label for every frame. The challenge's test labels are not public: 'val' is scored.
clip_len = 32
train_pipeline = [
    dict(type='SampleWindow', clip_len=clip_len),
    dict(type='PoseDecode'),
    dict(type='PoseCompact', hw_ratio=1.0, allow_imgpad=True),
    dict(type='Resize', scale=(64, 64), keep_ratio=False),
    dict(type='RandomResizedCrop', area_range=(0.56, 1.0)),
    dict(type='Resize', scale=(56, 56), keep_ratio=False),
    dict(type='Flip', flip_ratio=0.5),
    dict(type='FormatShape', input_format='NMTVC'),
    dict(type='Collect', keys=['keypoint', 'keypoint_score', 'label']),
    dict(type='ToTensor', keys=['keypoint', 'keypoint_score', 'label']),
]
test_pipeline = [
    dict(type='SampleWindow', clip_len=clip_len),
    dict(type='PoseDecode'),
    dict(type='PoseCompact', hw_ratio=1.0, allow_imgpad=True),
    dict(type='Resize', scale=(56, 56), keep_ratio=False),
    dict(type='FormatShape', input_format='NMTVC'),
    dict(type='Collect', keys=['keypoint', 'keypoint_score', 'label']),
    dict(type='ToTensor', keys=['keypoint', 'keypoint_score', 'label']),
]
train_dataloader = dict(
    batch_size=16,
    num_workers=4,
    persistent_workers=True,
    pin_memory=True,
    drop_last=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(type='PoseDataset', split='train', clip_len=clip_len, pipeline=train_pipeline),
)
val_dataloader = dict(
    batch_size=16,
    num_workers=4,
    persistent_workers=True,
    pin_memory=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(type='PoseDataset', split='val', clip_len=clip_len, pipeline=test_pipeline, test_mode=True),
)
test_dataloader = val_dataloader
val_evaluator = dict(type='AUMetric', metrics=('f1_score',))
test_evaluator = dict(
    type='AUMetric',
    metrics=('f1_score', 'mean_average_precision', 'roc_auc', 'top_k_accuracy', 'mean_class_accuracy'),
)
