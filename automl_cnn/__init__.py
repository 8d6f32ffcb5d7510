"""automl-cnn: from a folder of images to the best convolutional network for it.

from automl_cnn import search, load
result = search("./images", budget="10m")
load(result.model_path).predict(["photo.jpg"])
"""

__version__ = "0.1.0"
