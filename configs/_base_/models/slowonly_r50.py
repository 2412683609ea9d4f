# PoseConv3D (arXiv 2104.13586): SlowOnly ResNet-50 on heatmap volumes, one prediction for every frame.
# in_channels follows from keypoint_layout.
model = dict(
    type='Recognizer3D',
    data_preprocessor=dict(type='PoseHeatmapPreprocessor', heatmap_size=(56, 56), sigma=0.6),
    backbone=dict(
        type='ResNet3dSlowOnly',
        depth=50,
        base_channels=32,
        num_stages=3,
        out_indices=(2,),
        stage_blocks=(4, 6, 3),
        conv1_stride_s=1,
        pool1_stride_s=1,
        inflate=(0, 1, 1),
        spatial_strides=(2, 2, 2),
        temporal_strides=(1, 1, 1),  # (1, 1, 2) with per_frame=False is the published, clip-level network
    ),
    cls_head=dict(
        type='AUHead',
        in_channels=512,
        num_classes=12,
        per_frame=True,
        dropout_ratio=0.5,
        loss_cls=dict(type='MaskedBCELoss'),
    ),
)
