# %% [markdown]
# # 7. The paths of optimizers
#
# **Question.** SGD, momentum, RMSprop and Adam begin at the same weights and see the same batches. Where do they go?
#
# - **SGD** takes a step against the gradient.
# - **Momentum** averages the gradients of about $1 / (1 - \beta)$ steps. Zigzags cancel out, what persists adds up.
# - **RMSprop** divides every weight's step by the recent size of its gradient.
# - **Adam** does both.
#
# **Predict first.** Which path is the straightest? Which one is the longest? Which one has the lowest loss after 60 steps?

# %%
from automl_cnn_plugins import SGD, Adam, RMSprop, SimpleCNN
from lessons import QUICK, check, some

from automl_cnn import workbench

images = workbench.images(train=some(400), size=16)
still = {"schedule": "constant", "warm_up": 0.0}
optimizers = {
    "SGD, rate 0.05": SGD(learning_rate=0.05, momentum=0.0, **still),
    "momentum 0.9, rate 0.05": SGD(learning_rate=0.05, momentum=0.9, nesterov=False, **still),
    "RMSprop, rate 0.002": RMSprop(learning_rate=0.002, **still),
    "Adam, rate 0.002": Adam(learning_rate=0.002, **still),
}
network = SimpleCNN(stages=2, channels=16)
paths = workbench.loss_paths(network, images, optimizers, steps=5 if QUICK else 60, size=16, width=0.5, points=5 if QUICK else 21)
paths.plot()

# %% [markdown]
# The network has thousands of weights, and a picture has two directions. These are the two in which the four paths differ most;
# the map shows the loss in that plane. The star is where all begin.

# %%
workbench.lines({name: dict(enumerate(losses)) for name, losses in paths.losses.items()}, "step", "training loss on fixed images", log=True)

# %% [markdown]
# What does $1 / (1 - \beta)$ mean? Feed a momentum the gradient 1 at every step, and count how long it takes until its step is as long as it will ever be:

# %%
for beta in (0.5, 0.9, 0.99):
    velocity, steps = 0.0, 0
    while velocity < 0.63 / (1 - beta):
        velocity, steps = beta * velocity + 1, steps + 1
    print(f"beta {beta}: the step grows to {1 / (1 - beta):.0f} times the gradient, and is within 63 % of it after {steps} steps")

# %% [markdown]
# **Conclusion.** At the same rate, momentum takes steps that are up to ten times as long, so a comparison at *one* rate says nothing: every
# optimizer must be compared at its own best rate. `automl-cnn study optimizers` does that, and also shows what a wrong rate costs.
#
# ## Exercises
#
# 1. Over about how many steps does a momentum of 0.9 average?
# 2. And one of 0.99?
# 3. Which rate without momentum takes steps as long as a rate of 0.01 with a momentum of 0.9, once it has gathered speed?

# %%
check("7.1", ...)
check("7.2", ...)
check("7.3", ...)
