# %% [markdown]
# # 10. Your own photos: search, read the report, transfer, deploy
#
# **Question.** What do you do with a few hundred photos of your own, and how do you know whether the result is good enough to use?
#
# Set the environment variable `PHOTOS` to a folder with one subfolder for each class. Without it, this chapter works on 300 handwritten digits: few
# images, as most people have.
#
# **Predict first.** Will a network that learned from 1.3 million photos of ImageNet beat one that learns from your images alone?

# %%
import os
import tempfile
from pathlib import Path

from lessons import QUICK, check

from automl_cnn import load, search
from automl_cnn.data.samples import write_digits

place = Path(tempfile.mkdtemp())
folder = Path(os.environ["PHOTOS"]) if "PHOTOS" in os.environ else write_digits(place / "digits", only=range(0, 1797, 6))
store = place / "runs"

# %% [markdown]
# ## With and without ImageNet
#
# `pretrained="auto"` may begin with weights from ImageNet, `pretrained="none"` may not. A *probe* or *readout* leaves the pretrained
# layers as they are and fits one logistic regression to what they see: it needs each image once. `refit="off"` keeps the model that was scored.
# By default, the winner then learns from the test images too, which makes a better model, and one that has no images left to be judged by.

# %%
results = {}
for start in ("auto", "none"):
    results[start] = search(folder, budget="25s" if QUICK else "50s", name=f"from-{start}", pretrained=start, refit="off", store=store, track=False)
for start, result in results.items():
    low, high = result.test_interval
    best = result.leaderboard[result.trial]
    print(f"{start:<5} {best.architecture:<18} test {result.test_score:.3f} ({low:.3f} to {high:.3f})")

# %% [markdown]
# ## Is the difference more than chance?
#
# The intervals of two scores on a few dozen images nearly always overlap. What is known better is on how many images the two *differ*.

# %%
import numpy as np

from automl_cnn.data import Dataset

dataset = Dataset.load(store / "studies" / "from-auto" / "dataset.json")
rows = dataset.rows("test")
photos = [folder / dataset.paths[row] for row in rows]
truth = np.array([dataset.classes[dataset.labels[row]] for row in rows])
right = {start: np.array(load(result.model_path).predict(photos)) == truth for start, result in results.items()}
auto, none = right["auto"], right["none"]
print(f"both right {np.sum(auto & none)}, only with ImageNet {np.sum(auto & ~none)}, only without {np.sum(~auto & none)}, neither {np.sum(~auto & ~none)}")

# %% [markdown]
# ## Where it is wrong
#
# The report shows a confusion matrix, the most confident mistakes with heat maps, and what the diagnosis compared. Here are the mistakes in
# short. A confident mistake is often a wrong label.

# %%
model = load(results["auto"].model_path)
probabilities = np.asarray(model.predict_proba(photos))
for index in np.argsort(-probabilities.max(axis=1)):
    label = model.classes[probabilities[index].argmax()]
    if label != truth[index]:
        print(f"{photos[index].parent.name}/{photos[index].name}: taken for {label}, with confidence {probabilities[index].max():.2f}")

# %% [markdown]
# ## Deploy
#
# One file holds the network, its preprocessing and its labels. `automl-cnn export` writes other formats and proves that they answer the
# same:
#
#     automl-cnn export from-auto --format onnx --out exported

# %%
path = Path(results["auto"].model_path)
print(f"{path.name}: {path.stat().st_size / 1e6:.1f} MB, classes {', '.join(load(path).classes)}")

# %% [markdown]
# **Conclusion.** On photos, begin with ImageNet: what its networks have learned is worth thousands of your images. On digits and other drawings,
# a small network from scratch can win, and the search finds out which it is. Report the interval with the score, and look at the mistakes before you trust it.
#
# ## Exercises
#
# 1. Which images chose the winner: validation or test?
# 2. What is it called when the pretrained layers stay as they are?
# 3. Which export format does the package onnxruntime read?

# %%
check("10.1", ...)
check("10.2", ...)
check("10.3", ...)
