# %% [markdown]
# # 8. Overfit on purpose, then six remedies
#
# **Question.** A large network learns 100 digits by heart. Which remedy narrows the gap to digits that it has not seen? And which one
# makes it *better*? These are two questions.
#
# **Predict first.** Order the remedies by what they do for the accuracy: more images, augmentation, a smaller network, L2, dropout, early stopping.

# %%
from automl_cnn_plugins import L2, VGG, Augment, Dropout, EarlyStopping
from lessons import check, epochs, seeds, some

from automl_cnn import workbench

SIZE, WIDTH = 24, 0.125
few, many = (workbench.images(train=some(number), size=SIZE) for number in (100, 400))
large = VGG(variant="A", classifier="dense")
nothing = workbench.train(large, few, epochs=epochs(20), size=SIZE, width=WIDTH, name="no remedy")
workbench.curves(nothing, measure="loss")

# %% [markdown]
# The dashed line is the loss on the training images, the solid one that on held-out images. Where the dashed line is near zero and
# the solid one has stopped falling, the network has nothing more to learn from these images.

# %%
remedies = {
    "nothing": large,
    "more images": {"network": large, "images": many, "epochs": epochs(5)},
    "augmentation": {"network": large, "regularizers": [Augment(flip="none")]},
    "smaller network": {"network": VGG(variant="A"), "width": 0.05},
    "L2": {"network": large, "regularizers": [L2(strength=0.003)]},
    "dropout": {"network": large, "regularizers": [Dropout(rate=0.5)]},
    "early stopping": {"network": large, "regularizers": [EarlyStopping(patience=0.2)]},
}
compared = workbench.compare(remedies, few, seeds=seeds(2), epochs=epochs(20), size=SIZE, width=WIDTH)
compared.table("last_accuracy", "gap", "train_accuracy", "params")

# %%
compared.plot("last_accuracy")

# %% [markdown]
# "More images" has four times the images and a quarter of the epochs, so that all networks but the small one have seen as many images.
#
# **Conclusion.** A small gap is not a goal by itself: a network that learns nothing has none. Look at the accuracy on held-out
# images. More images help most, and augmentation is the nearest thing to them. Flipping digits would teach nonsense, so it is
# off: a remedy must fit the images. The others trade what the network can learn for how well it generalizes, and on some images
# they make no difference that you could see. `automl-cnn diagnose` measures the gap of a real search and tries the remedies for you.
#
# ## Exercises
#
# 1. Which remedy looks at the held-out images while it trains?
# 2. Which share of the values does a dropout of rate 0.5 let through?
# 3. L1 or L2: which one makes weights exactly zero?

# %%
check("8.1", ...)
check("8.2", ...)
check("8.3", ...)
