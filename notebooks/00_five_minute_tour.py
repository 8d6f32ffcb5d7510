# %% [markdown]
# # 0. A five-minute tour
#
# You have photos in folders, one folder for each class. You want the best convolutional network for them, the reason why it is the
# best, and a file that runs anywhere. This chapter shows the whole way once. The others show what happens inside.
#
# The images here are 1,797 handwritten digits that scikit-learn brings along. To use your own, set `folder` to a folder with one subfolder
# for each class.

# %%
import tempfile
from pathlib import Path

from lessons import QUICK

from automl_cnn import load, search
from automl_cnn.data.samples import write_digits

place = Path(tempfile.mkdtemp())
folder = write_digits(place / "digits", only=range(0, 1797, 6) if QUICK else None)
sorted(path.name for path in folder.iterdir())

# %% [markdown]
# ## Search
#
# One call. It checks and splits the images, tries networks within the time that you give it, trains the best one longer, and scores it
# once on images that no decision has seen.

# %%
result = search(folder, budget="25s" if QUICK else "90s", store=place / "runs", track=False)
print(f"{result.metric} on validation images {result.val_score:.3f}, on test images {result.test_score:.3f}")
print(f"always predicting the most frequent class gets {result.baseline:.3f}")

# %% [markdown]
# The interval says how far to trust the score. With few test images it is wide, whatever the network.

# %%
low, high = result.test_interval
print(f"95 % interval of the test score: {low:.3f} to {high:.3f}")

# %% [markdown]
# ## What was tried
#
# Every network that was trained, with its cost. `mult_adds` are multiply-accumulates for one image.

# %%
import pandas as pd

pd.DataFrame(
    [
        {
            "trial": trial.number,
            "network": trial.architecture,
            "score": trial.score,
            "parameters": trial.params,
            "mult_adds": trial.mult_adds,
            "state": trial.state.value,
        }
        for trial in result.leaderboard
    ]
).sort_values("score", ascending=False).round(3)

# %% [markdown]
# The same in full, with curves, mistakes and findings, is in the report: open `report.html` in the study's folder.

# %%
report = next((place / "runs" / "studies").glob("*/report.html"))
print(report.name, f"{report.stat().st_size / 1000:.0f} kB")

# %% [markdown]
# ## Use it
#
# The model takes photos as they are: resizing and scaling are inside, and so are the labels.

# %%
model = load(result.model_path)
photos = sorted(folder.glob("*/*.png"))[:: 40 if QUICK else 200]
for photo, label in zip(photos, model.predict(photos), strict=True):
    print(f"{photo.parent.name}/{photo.name} is a {label}")

# %% [markdown]
# On the command line, all of this is
#
#     automl-cnn search --data ./digits --budget 90s
#     automl-cnn report NAME
#     automl-cnn predict NAME photo.jpg
#     automl-cnn export NAME --format onnx
#
# **Next:** chapter 1, what a convolution shares.
