_base_ = ['../slowonly_r50_affwild_xsub/joint.py']

# X3D-shallow: channel-wise convolutions, a tenth of the weights.
model = dict(
    backbone=dict(
        _delete_=True,
        type='X3D',
        gamma_d=1,
        base_channels=24,
        num_stages=3,
        se_ratio=None,
        use_swish=False,
        stage_blocks=(2, 5, 3),
        spatial_strides=(2, 2, 2),
    ),
    cls_head=dict(in_channels=216),
)
