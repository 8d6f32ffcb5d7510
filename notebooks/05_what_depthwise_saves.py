# %% [markdown]
# # 5. What depthwise separable convolutions save
#
# **Question.** MobileNet takes a 3x3 convolution apart: one kernel for each channel (depthwise), then a 1x1 layer that mixes the
# channels. By arithmetic it is eight to nine times cheaper. What does it cost in accuracy? And is it eight times faster?
#
# From C to C channels, a full 3x3 layer has $9\,C^2$ weights, the separable one $9\,C + C^2$.

# %%
import time

import numpy as np
from automl_cnn_plugins import SimpleCNN
from lessons import QUICK, check, epochs, seeds, some

from automl_cnn import workbench

for channels in (16, 64, 256):
    full, separable = 9 * channels**2, 9 * channels + channels**2
    print(f"{channels:>3} channels: {full:>7,} against {separable:>6,} weights, {full / separable:.1f} times fewer")

# %% [markdown]
# **Predict first.** By how much does the accuracy fall? How many times faster is the separable network on your machine: 8, 4, 2, or
# not at all?

# %%
images = workbench.images(train=some(400), size=32)
networks = {kernel: SimpleCNN(kernel=kernel, layers=2) for kernel in ("3x3", "separable")}
compared = workbench.compare(networks, images, seeds=seeds(2), epochs=epochs(8), size=32)
compared.table("accuracy", "params", "mult_adds", "seconds")

# %%
batch = np.zeros((32, 32, 32, 1), "float32")
for name, trained in compared.trained.items():
    model, spent = trained[0].model, []
    for _ in range(3 if QUICK else 20):
        began = time.perf_counter()
        model.predict_on_batch(batch)
        spent.append(1000 * (time.perf_counter() - began) / len(batch))
    milliseconds = float(np.median(spent))
    rate = trained[0].mult_adds / 1e6 / milliseconds
    print(f"{name:<10} {trained[0].mult_adds / 1e6:5.1f} M mult-adds, {milliseconds:.2f} ms an image, {rate:6.0f} M mult-adds each millisecond")

# %%
compared.plot()

# %% [markdown]
# **Conclusion.** Mult-adds and milliseconds disagree. A depthwise layer does little arithmetic for each number that it reads, so the
# processor waits for memory. A full convolution is one large matrix product, which processors are built for. If the milliseconds on a
# certain device matter, measure them there: `automl-cnn search --objective accuracy,latency` does.
#
# ## Exercises
#
# 1. What share of a full 3x3 layer's weights has the separable one, with 64 channels?
# 2. MobileNet's width multiplier goes from 1 to 0.5. By what factor do the mult-adds of the 1x1 layers fall?
# 3. Does a processor do more or fewer mult-adds in a millisecond with depthwise layers?

# %%
check("5.1", ...)
check("5.2", ...)
check("5.3", ...)
