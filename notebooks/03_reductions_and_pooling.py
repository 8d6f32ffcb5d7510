# %% [markdown]
# # 3. Do 1x1 convolutions and global average pooling pay?
#
# **Question.** GoogLeNet had a twelfth of AlexNet's weights and was far more accurate. Two ideas made it small. What do they cost?
#
# *A 1x1 convolution* mixes channels and sees no neighbors. In front of a large kernel it thins the channels:

# %%
from automl_cnn_plugins import AlexNet, Dropout, GoogLeNet
from lessons import check, epochs, seeds, some

from automl_cnn import workbench

direct = 5 * 5 * 256 * 64
reduced = 1 * 1 * 256 * 64 + 5 * 5 * 64 * 64
print(f"5x5 from 256 to 64 channels: {direct:,} weights; through a 1x1 layer to 64 channels: {reduced:,}, {direct / reduced:.1f} times fewer")

# %% [markdown]
# *Global average pooling* takes the mean of each channel over the whole map. It replaces fully connected layers, which hold most of
# the weights of AlexNet and VGG:

# %%
for name, network in {
    "AlexNet, dense head": AlexNet(classifier="dense"),
    "AlexNet, average": AlexNet(classifier="gap"),
    "GoogLeNet, average": GoogLeNet(classifier="gap"),
}.items():
    paid = workbench.cost(network, size=224, classes=1000)
    print(f"{name:<20} {paid.params / 1e6:6.1f} M parameters, {paid.mult_adds / 1e6:7.0f} M mult-adds")

# %% [markdown]
# **Predict first.** AlexNet learns 400 digits with a dense head and with an average. Which is more accurate? Which of the two has
# the larger gap between training and held-out images? What does dropout do?

# %%
images = workbench.images(train=some(400), size=32)
networks = {
    "average": AlexNet(classifier="gap"),
    "dense": AlexNet(classifier="dense"),
    "dense, dropout": {"network": AlexNet(classifier="dense"), "regularizers": [Dropout(rate=0.5)]},
}
compared = workbench.compare(networks, images, seeds=seeds(), epochs=epochs(12), size=32, width=0.25)
compared.plot()

# %%
compared.table("accuracy", "gap", "params", "mult_adds")

# %% [markdown]
# **Conclusion.** The dense head has several times the weights and hardly any more mult-adds: weights and mult-adds are different
# prices. A dense head also knows *where* in the image something is. For digits in the middle of a picture that can even help, and for
# photos, where things lie anywhere, it rarely does. Read the intervals before you choose a side.
#
# ## Exercises
#
# 1. How many weights have a 1x1 layer from 256 to 64 channels and a 5x5 layer from 64 to 64, together?
# 2. A map of 7x7 pixels and 256 channels is flattened. How many weights has a dense layer of 512 units behind it, without offsets?
# 3. How many weights has global average pooling?

# %%
check("3.1", ...)
check("3.2", ...)
check("3.3", ...)
