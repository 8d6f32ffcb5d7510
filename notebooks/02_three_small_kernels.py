# %% [markdown]
# # 2. Three small kernels or one large
#
# **Question.** Three 3x3 convolutions in a row see 7x7 pixels. So does one 7x7 convolution. Which is better?
#
# AlexNet (2012) began with a kernel of 11x11. VGG (2014) had nothing but 3x3, and everybody followed. The paper's argument:
# three layers of 3x3 have $27\,C^2$ weights, one of 7x7 has $49\,C^2$, and the three have three non-linearities.
#
# **Predict first.** Which network has the higher accuracy? Which has more weights? Which is faster?

# %%
from automl_cnn_plugins import VGG
from lessons import check, epochs, seeds, some

from automl_cnn import workbench

SIZE, WIDTH = 16, 0.125
for kernel in (3, 5, 7):
    paid = workbench.cost(VGG(variant="D", kernel=kernel), size=SIZE, width=WIDTH, channels=1)
    print(f"{kernel}x{kernel}: {paid.kernels:2} layers, {paid.params:>9,} parameters, {paid.mult_adds / 1e6:6.1f} M mult-adds")

# %% [markdown]
# `VGG(kernel=7)` is the same network with larger kernels: in each stage, one 7x7 layer stands for three of 3x3, so that every stage
# sees as far as before. It has fewer layers and more weights.

# %%
images = workbench.images(train=some(400), size=SIZE)
networks = {f"{kernel}x{kernel}": VGG(variant="D", kernel=kernel) for kernel in (3, 5, 7)}
compared = workbench.compare(networks, images, seeds=seeds(2), epochs=epochs(8), size=SIZE, width=WIDTH)
compared.plot()

# %%
compared.table("accuracy", "train_accuracy", "params", "mult_adds", "seconds")

# %%
for other in ("5x5", "7x7"):
    change = compared.difference("3x3", other)
    margin = "" if change.half is None else f" ± {change.half:.3f}"
    print(f"3x3 less {other}: {change.difference:+.3f}{margin}{'' if change.clear else ', which may be chance'}")

# %% [markdown]
# **Conclusion.** Compare the intervals before the means. What does not depend on chance is the cost. Where the channels stay the same, three
# small kernels have little more than half of the weights; in the whole network it is about two thirds, since stages also begin with fewer channels.
# Whether small kernels are also more accurate is a question to the data. On ImageNet the
# paper's network with 5x5 layers was 7 points worse. On a few hundred digits the difference can be smaller than its interval,
# and a deep network may even need more epochs than a shallow one. `automl-cnn study three_small_kernels` asks it on more images and
# at equal cost.
#
# ## Exercises
#
# 1. How many weights have three layers of 3x3 from 64 to 64 channels, without offsets?
# 2. How many pixels wide is what five layers of 3x3 see?
# 3. Four layers of 3x3 stand for one kernel. How many pixels wide is it?

# %%
check("2.1", ...)
check("2.2", ...)
check("2.3", ...)
