# Windows of BP4D, cut and augmented as for Aff-Wild2: fold 1 of 3. For another fold change the number in all three.
_base_ = ['affwild.py']
train_dataloader = dict(dataset=dict(split='train_fold1'))
# Of each video only a part is coded: windows without any label are left out where nothing but the score is wanted.
val_dataloader = dict(dataset=dict(split='test_fold1', labelled_only=True))
test_dataloader = dict(dataset=dict(split='test_fold1'))
