# Videos of one's own, cut and augmented as for Aff-Wild2, with the splits that tools/data/custom_preproc.py makes.
_base_ = ['affwild.py']
train_dataloader = dict(dataset=dict(split='train'))
val_dataloader = dict(dataset=dict(split='val', labelled_only=True))
test_dataloader = dict(dataset=dict(split='val'))
