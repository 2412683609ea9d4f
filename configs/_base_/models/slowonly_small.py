# A small network that a laptop trains in minutes: 32x32 heatmaps, half the channels, half the depth.
model = dict(
    type='Recognizer3D',
    data_preprocessor=dict(type='PoseHeatmapPreprocessor', heatmap_size=(32, 32), sigma=0.6),
    backbone=dict(
        type='ResNet3dSlowOnly',
        depth=50,
        base_channels=16,
        num_stages=3,
        out_indices=(2,),
        stage_blocks=(2, 3, 2),
        conv1_stride_s=2,  # the stem is most of the work: a quarter of it is enough here
        pool1_stride_s=1,
        inflate=(0, 1, 1),
        spatial_strides=(1, 2, 2),
        temporal_strides=(1, 1, 1),
    ),
    cls_head=dict(
        type='AUHead',
        in_channels=256,
        num_classes=12,
        per_frame=True,
        dropout_ratio=0.0,  # minutes of training do not overfit
        # An active AU counts twice: F1 is best when an AU is called active from a probability of F1 / 2 on.
        loss_cls=dict(type='MaskedBCELoss', pos_weight=[2.0] * 12),
    ),
)
