# %% [markdown]
# # 9. Depth, width or pixels: compound scaling by hand
#
# **Question.** You may spend four times the mult-adds. A deeper network, a wider one, larger images, or some of each?
#
# EfficientNet's rule: depth $d = \alpha^\varphi$, width $w = \beta^\varphi$, resolution $r = \gamma^\varphi$, where
# $\alpha\,\beta^2\,\gamma^2 \approx 2$. Every step of $\varphi$ doubles the mult-adds, since they grow with $d$, $w^2$ and $r^2$.
#
# **Predict first.** Which of the four wins on digits?

# %%
from automl_cnn_plugins import SimpleCNN
from lessons import check, epochs, seeds, some

from automl_cnn import workbench
from automl_cnn.scaling import PAPER, WAYS, matched

network = SimpleCNN(channels=16, layers=2)
print(PAPER, "so each step costs", round(PAPER.product, 2), "times as much")


def price(configuration):
    return workbench.cost(network, size=configuration["resolution"], width=configuration["width"], depth=configuration["depth"], channels=1)


def mult_adds(configuration):
    return price(configuration).mult_adds


base = {"resolution": 16, "width": 1.0, "depth": 1.0}
target = 4 * price(base).mult_adds
ways = {"baseline": base} | {way: matched(base, rule, target, mult_adds).of(base) for way, rule in {**WAYS, "compound": PAPER}.items()}
for way, size in ways.items():
    print(f"{way:<10} depth {size['depth']:.2f}, width {size['width']:.2f}, {size['resolution']} px: {price(size).mult_adds / 1e6:.1f} M mult-adds")

# %% [markdown]
# The real costs are not exactly four times the baseline's. Layers come in whole numbers and channels in multiples of eight, so the
# four ways are matched by what they really cost.

# %%
images = workbench.images(train=some(400), size=32)
networks = {way: {"network": network, "size": size["resolution"], "width": size["width"], "depth": size["depth"]} for way, size in ways.items()}
compared = workbench.compare(networks, images, seeds=seeds(), epochs=epochs(10))
compared.plot()

# %%
compared.table("accuracy", "params", "mult_adds", "seconds")

# %% [markdown]
# **Conclusion.** The mult-adds are equal, the seconds are not, and on small images the differences in accuracy can be smaller than
# the intervals. What the rule gives you for sure is a family: one search on a small network, and every larger one follows from $\varphi$.
# `automl-cnn scale` finds $\alpha$, $\beta$ and $\gamma$ on your own images.
#
# ## Exercises
#
# 1. What is alpha · beta² · gamma² with the paper's 1.2, 1.1 and 1.15?
# 2. Which phi makes a network cost about eight times as much?
# 3. By which factor may a network become wider, if its mult-adds may grow fourfold?

# %%
check("9.1", ...)
check("9.2", ...)
check("9.3", ...)
