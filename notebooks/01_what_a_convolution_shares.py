# %% [markdown]
# # 1. What a convolution shares
#
# **Question.** A fully connected layer can learn everything that a convolution can. Why does nobody use one on images?
#
# A convolution looks at a small window, and it uses *the same weights* at every place. It saves weights, and it claims something
# about images: what makes a stroke a stroke does not depend on where it lies.
#
# **Predict first.** Two networks with about equally many weights learn 400 handwritten digits. One has fully connected layers,
# the other one has convolutions. Then every test image moves by a few pixels. Which network suffers, and by how much?

# %%
import numpy as np
from lessons import check, epochs, seeds, some

from automl_cnn import blocks, workbench
from automl_cnn.data import pixels
from automl_cnn.plugin import Architecture

images = workbench.images(train=some(400), size=32)
f"{len(images.rows('train'))} digits to learn from, {len(images.rows('val'))} held out, {len(images.classes)} classes"


# %% [markdown]
# A network is a class with a method that says what happens to the image. `net` is what the toolkit hands in: it scales channels
# and adds regularization. Here are two small ones.


# %%
class Dense(Architecture):
    """All pixels in one row, then two fully connected layers."""

    name = "dense_only"

    def features(self, x, net):
        return x

    def head(self, x, net):
        x = blocks.flatten(blocks.avg_pool(x, 2))
        for _ in range(2):
            x = blocks.dense(net.before_dense(x), 64, net=net)
        return x


class Convolutions(Architecture):
    """Three convolutions with a pooling behind each."""

    name = "three_convolutions"

    def features(self, x, net):
        for channels in (16, 32, 48):
            x = blocks.max_pool(blocks.conv(x, channels, 3, net=net), 2)
        return x


compared = workbench.compare({"fully connected": Dense(), "convolutions": Convolutions()}, images, seeds=seeds(), epochs=epochs(15))
compared.table("accuracy", "train_accuracy", "params", "mult_adds")

# %% [markdown]
# Both learn the training images. Now move the held-out images to the right, by 0 to 4 of their 32 pixels.

# %%
rows = images.rows("val")
held_out = np.asarray(pixels(images, 32)[rows])
shifts = range(5)
accuracy = {name: [] for name in compared.trained}
for shift in shifts:
    moved = np.roll(held_out, shift, axis=2).astype("float32")
    for name, trained in compared.trained.items():
        right = [np.asarray(one.model(moved)).argmax(axis=1) == images.labels[rows] for one in trained]
        accuracy[name].append(np.mean(right, axis=1))

# %%
places = {name: {shift: float(np.mean(values)) for shift, values in zip(shifts, several, strict=True)} for name, several in accuracy.items()}
workbench.lines(places, "pixels that the digit is moved to the right", "accuracy, mean of the seeds")

# %% [markdown]
# **Conclusion.** On digits that stay where they are, the two are level. Where the digits move by a tenth of the image, the fully connected
# network loses half of its accuracy and the convolutions a tenth. The first has learned *which pixels* are dark. The second has learned *which shapes*
# there are, and pooling forgives it a pixel or two. Sharing weights is not a way to save memory. It is knowledge about images.
#
# Neither is immune: global average pooling sees a moved map as the same, but the border of the image is new at every shift.
#
# ## Exercises
#
# 1. How many weights does a convolution of 3x3 from 1 to 16 channels have, offsets included?
# 2. How many has a fully connected layer from the same 32x32 pixels to as large a result (32·32·16 values), offsets included?
# 3. A map of 32 pixels passes a convolution with stride 2. How many pixels does it have after it?

# %%
check("1.1", ...)
check("1.2", ...)
check("1.3", ...)
