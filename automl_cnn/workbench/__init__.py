"""Work with single networks in a notebook: train them, compare them, inspect them.

    from automl_cnn import workbench
    from automl_cnn_plugins import VGG

    images = workbench.images(train=300)                       # scikit-learn's digits, or a folder of yours
    small = workbench.train(VGG(kernel=3), images, epochs=5, width=0.25)
    small.accuracy, small.params, small.mult_adds

    compared = workbench.compare({"3x3": VGG(kernel=3), "7x7": VGG(kernel=7)}, images, epochs=5, width=0.25)
    compared.table()
    compared.plot()

Choose it to understand what one decision does. To find the best network, use `automl_cnn.search`; to compare many networks with
a record that survives a crash, use `automl-cnn study`.
"""

from automl_cnn.workbench.comparing import Compared, compare
from automl_cnn.workbench.looking import curves, feature_maps, kernels, lines, picture
from automl_cnn.workbench.paths import Paths, loss_paths
from automl_cnn.workbench.training import Trained, cost, images, train

__all__ = ["Compared", "Paths", "Trained", "compare", "cost", "curves", "feature_maps", "images", "kernels", "lines", "loss_paths", "picture", "train"]
