_base_ = ['joint.py']

# The same network on the two million frames of `make_synthetic.py --preset full --out data/synthetic_full`: all kinds
# of detectors, heads that turn, Action Units as rare as in life. It sees half of the windows, rare ones more often.
ann_file = 'data/synthetic_full/store'
model = dict(cls_head=dict(loss_cls=dict(_delete_=True, type='MaskedBCELoss')))
train_dataloader = dict(
    batch_size=32,
    num_batch_per_epoch=1800,
    sampler=dict(_delete_=True, type='BalancedAUSampler', threshold=0.3),
)
val_dataloader = dict(batch_size=128)
test_dataloader = dict(batch_size=128)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.05, by_epoch=False, begin=0, end=200),
    dict(type='CosineAnnealingLR', eta_min=1e-5, by_epoch=True, begin=0, end=1, T_max=1, convert_to_iter_based=True),
]
train_cfg = dict(max_epochs=1)
