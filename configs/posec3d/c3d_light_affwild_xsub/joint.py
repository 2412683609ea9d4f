_base_ = ['../slowonly_r50_affwild_xsub/joint.py']

# C3D-light: eight convolutions of 3x3x3, no strides in time.
model = dict(
    backbone=dict(_delete_=True, type='C3D', base_channels=32, num_stages=3, temporal_downsample=False),
    cls_head=dict(in_channels=256),
)
