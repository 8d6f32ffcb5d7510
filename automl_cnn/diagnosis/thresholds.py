"""Every threshold of the rules, each with its reason. They were set on hand signs, digits and flowers (benchmarks/diagnosis.py).

Rules say what may be wrong; which explanation is the most probable one is learned (`automl_cnn.diagnosis.learned`).

Losses are cross-entropies in nats, given as a share of the loss of a constant prediction: ln(classes), or, where images have several labels, the mean
entropy of a label. `late` is the share of all that a training learned which it learned in its second half.
"""

Z = 2.5  # standard errors from which a difference is not chance: 1 % of comparisons are, and a trial has several
END = 0.2  # of the epochs, whose mean stands for the end: one epoch alone jumps

# overfitting: the gap between training images as they are and validation images
GAP = 0.03  # of accuracy; a smaller gap costs less than a change of anything could win
GAP_MEDIUM = 0.04  # by the lower end of its 95 % interval: how grave it is says what is certain
GAP_HIGH = 0.1
RISE = 0.15  # by which the validation loss is above its lowest: the training is past its best point, and is graded one degree more severe

# underfitting: what it cannot even fit
FITTED = 0.93  # accuracy on training images from which a network has enough capacity: what is missing is rather elsewhere
FITTED_MEDIUM = 0.85
FITTED_HIGH = 0.7
BIAS = 1.5  # the training error as a multiple of the gap, from which capacity is the larger part of what is missing

# convergence
LATE = 0.18  # of all it learned, in the second half: more is worth a word, though a falling rate alone brings up to 0.3
LATE_MEDIUM = 0.35  # no falling rate alone brings that
LATE_HIGH = 0.45  # about half: cut off in the midst of it
DONE = 0.98  # accuracy on training images from which longer training has little to teach

# the learning rate
WILD = 1.6  # times the loss of a constant prediction: untrained networks begin at up to 1.3, and only steps that are too long lead above that
IDLE = 0.05  # of the loss of a constant prediction: a network whose loss fell by no more than this learned nothing
RECOVERED = 0.2  # of the same: a network that learned this much since then did not suffer from a wild start
FULL = 0.8  # of the same: the loss of a network that learned this much may go up and down
ROUGH = 0.35  # of all the loss's ways that led up; half means no progress at all
SHAKEN = 0.05  # of the loss of a constant prediction, by which the loss changes between late epochs: in sound trainings on a few hundred images by 0.03
SMOOTH = 0.1  # of all ways, up: small steps lead down evenly
LITTLE = 0.15  # of the loss of a constant prediction: if the loss fell by more, the rate is not far too low, but training may not have converged
SLOW = 0.05  # of the same that 100 steps take away; sane rates take more
SLOW_STEPS = 150  # fewer are too few to call a rate low
EVEN = 0.4  # of the way down that was made in the second half of all steps' length: next to half, nothing is full yet

# trust
MEMORIZED = 0.15  # accuracy by which a network is ahead on training images without knowing a validation image
FALL = 0.06  # of validation accuracy from its best epoch, while training images are learned: mere overfitting costs loss, hardly accuracy
ABOVE = 0.04  # validation above training images as they are: no regularizer does that, since both are scored alike
COPIES = 0.05  # of the validation images that are copies of training images: more than this lift a score visibly
COPIES_HIGH = 0.2
HALF_WIDTH = 0.05  # of a score's 95 % interval: networks that differ by less cannot be distinguished
HALF_WIDTH_MEDIUM = 0.1

# plateau
STILL = 0.02  # of the loss of a constant prediction: the most by which the training loss fell in the second half of the epochs
PLATEAU_EPOCHS = 8  # fewer have no half worth looking at
PLATEAU_FROM = 0.5  # of the epochs, after which none was better

# data
FORECAST = 0.01  # of score that twice the images must promise: less is within the noise from one training to the next
