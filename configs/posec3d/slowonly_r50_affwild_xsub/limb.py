_base_ = ['joint.py']

# The lines between keypoints instead of the keypoints.
model = dict(data_preprocessor=dict(with_kp=False, with_limb=True))
