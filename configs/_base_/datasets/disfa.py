# Windows of DISFA, cut and augmented as for Aff-Wild2: fold 1 of 3. For another fold change the number in all three.
_base_ = ['affwild.py']
train_dataloader = dict(dataset=dict(split='train_fold1'))
val_dataloader = dict(dataset=dict(split='test_fold1'))
test_dataloader = dict(dataset=dict(split='test_fold1'))
