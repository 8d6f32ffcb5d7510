# %% [markdown]
# # 4. Why deep plain networks train worse
#
# **Question.** A network of 32 layers can do everything that one of 8 layers can: let the other 24 pass on what they get. Does
# training find that?
#
# He et al. (2015) saw that it does not. Their deeper plain networks were worse *on the images that they were trained on*. That is
# not overfitting: the training itself fails. A shortcut around every two layers, $x + f(x)$, makes "pass it on" the easy thing: $f = 0$.
#
# **Predict first.** Draw two lines of the training error against the depth: one for plain, one for residual networks.

# %%
from automl_cnn_plugins import Adam, ResNet
from lessons import QUICK, check, epochs, seeds, some

from automl_cnn import workbench

images = workbench.images(train=some(400), size=16)
DEPTHS = {8: 1 / 3, 20: 1.0} if QUICK else {8: 1 / 3, 32: 5 / 3}  # layers: the depth multiplier of the 20-layer network
networks = {
    f"{'residual' if shortcut else 'plain'} {layers}": {"network": ResNet(variant=20, shortcut=shortcut), "depth": depth}
    for layers, depth in DEPTHS.items()
    for shortcut in (True, False)
}
settings = {"epochs": epochs(12), "size": 16, "width": 0.5, "batch_size": 32, "optimizer": Adam(learning_rate=0.005)}
compared = workbench.compare(networks, images, seeds=seeds(2), **settings)
compared.table("train_accuracy", "accuracy", "params", "seconds")

# %%
errors = {kind: {layers: compared.score(f"{kind} {layers}", "train_error") for layers in DEPTHS} for kind in ("residual", "plain")}
workbench.lines(errors, "weighted layers", "training error (lower is better)")

# %% [markdown]
# **Conclusion.** Look at the training error, not at the accuracy on held-out images: the question is whether the network can be
# trained at all. With shortcuts, depth does no harm. Without, the deepest network is far behind after the same number of epochs. Batch norm is in both, so
# it is not the size of the gradients alone: the plain network's loss is harder to descend.
#
# The small residual network is slow to begin with: each branch starts at zero (the scale of its last batch norm does), so that the network starts as one of
# two layers and grows from there. A short training of a shallow network has no use for that; a deep one does not train without it.
#
# `automl-cnn study degradation` goes to 56 layers.
#
# ## Exercises
#
# 1. The paper's thin networks have 6n + 2 weighted layers. How many are there for n = 3?
# 2. On which images is the error of a deep plain network higher, which rules out overfitting: training or held-out?
# 3. What must f(x) be for a residual block to pass on its input?

# %%
check("4.1", ...)
check("4.2", ...)
check("4.3", ...)
