# %% [markdown]
# # 6. Squeeze-excitation: ask the whole image
#
# **Question.** A convolution sees a window. Squeeze-excitation takes the mean of every channel over the whole map, lets two small
# dense layers decide how important each channel is *in this image*, and multiplies. It costs hardly any mult-adds. What does it buy?
#
# **Predict first.** How many more parameters and mult-adds, in percent? More accuracy than the same network made as much wider?

# %%
from automl_cnn_plugins import ResNet
from lessons import check, epochs, seeds, some

from automl_cnn import workbench

SIZE, WIDTH = 24, 0.25
without = workbench.cost(ResNet(variant=18), size=SIZE, width=WIDTH, channels=1)
for ratio in (16, 8, 4):
    paid = workbench.cost(ResNet(variant=18, squeeze_ratio=ratio), size=SIZE, width=WIDTH, channels=1)
    print(f"1/{ratio:<2}: {100 * (paid.params / without.params - 1):+5.1f} % parameters, {100 * (paid.mult_adds / without.mult_adds - 1):+5.2f} % mult-adds")

# %%
images = workbench.images(train=some(300), size=SIZE)
networks = {
    "without": ResNet(variant=18),
    "squeeze 1/4": ResNet(variant=18, squeeze_ratio=4),
    "wider instead": {"network": ResNet(variant=18), "width": 1.04 * WIDTH},  # channels come in multiples of 8: the next wider network
}
compared = workbench.compare(networks, images, seeds=seeds(2), **{"epochs": epochs(6), "size": SIZE, "width": WIDTH})
compared.table("accuracy", "train_accuracy", "params", "mult_adds")

# %%
compared.plot()

# %% [markdown]
# **Conclusion.** On ImageNet, squeeze-excitation lowers the error of ResNet-50 from 24.80 to 23.29 for under 1 % more
# mult-adds. On a few hundred digits with a small network, the intervals overlap: where a network is already near the ceiling,
# there is nothing to buy. An honest table says so. `automl-cnn study squeeze_excitation` looks at more images and at three ratios.
#
# ## Exercises
#
# 1. A block has 256 channels and squeezes to a sixteenth. How many weights have its two dense layers, without offsets?
# 2. How many numbers does "squeeze" make of a map of 14x14 pixels and 256 channels?
# 3. Which activation gives each channel a weight between 0 and 1?

# %%
check("6.1", ...)
check("6.2", ...)
check("6.3", ...)
