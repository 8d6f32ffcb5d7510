"""The built-in plugins, found through the same entry points as anyone's.

from automl_cnn_plugins import SGD, VGG, Dropout
"""

from automl_cnn_plugins.architectures.alexnet import AlexNet
from automl_cnn_plugins.architectures.efficientnet import EfficientNet
from automl_cnn_plugins.architectures.efficientnet_lite import EfficientNetLite
from automl_cnn_plugins.architectures.googlenet import GoogLeNet
from automl_cnn_plugins.architectures.mobilenet import MobileNet
from automl_cnn_plugins.architectures.mobilenet_v2 import MobileNetV2
from automl_cnn_plugins.architectures.resnet import ResNet
from automl_cnn_plugins.architectures.senet import SENet
from automl_cnn_plugins.architectures.simple_cnn import SimpleCNN
from automl_cnn_plugins.architectures.vgg import VGG
from automl_cnn_plugins.optimizers.adam import Adam
from automl_cnn_plugins.optimizers.adamw import AdamW
from automl_cnn_plugins.optimizers.lion import Lion
from automl_cnn_plugins.optimizers.rmsprop import RMSprop
from automl_cnn_plugins.optimizers.sgd import SGD
from automl_cnn_plugins.regularizers.augment import Augment
from automl_cnn_plugins.regularizers.cutmix import CutMix
from automl_cnn_plugins.regularizers.dropout import Dropout
from automl_cnn_plugins.regularizers.early_stopping import EarlyStopping
from automl_cnn_plugins.regularizers.ema import EMA
from automl_cnn_plugins.regularizers.l1 import L1
from automl_cnn_plugins.regularizers.l2 import L2
from automl_cnn_plugins.regularizers.label_smoothing import LabelSmoothing
from automl_cnn_plugins.regularizers.mixup import MixUp
from automl_cnn_plugins.regularizers.randaugment import RandAugment
from automl_cnn_plugins.regularizers.spatial_dropout import SpatialDropout
from automl_cnn_plugins.regularizers.stochastic_depth import StochasticDepth
from automl_cnn_plugins.regularizers.weight_decay import WeightDecay

__all__ = [
    "EMA",
    "L1",
    "L2",
    "SGD",
    "VGG",
    "Adam",
    "AdamW",
    "AlexNet",
    "Augment",
    "CutMix",
    "Dropout",
    "EarlyStopping",
    "EfficientNet",
    "EfficientNetLite",
    "GoogLeNet",
    "LabelSmoothing",
    "Lion",
    "MixUp",
    "MobileNet",
    "MobileNetV2",
    "RMSprop",
    "RandAugment",
    "ResNet",
    "SENet",
    "SimpleCNN",
    "SpatialDropout",
    "StochasticDepth",
    "WeightDecay",
]
