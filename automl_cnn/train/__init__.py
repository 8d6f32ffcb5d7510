"""One configuration -> one trial: build, fit, keep the best epoch, save.

from automl_cnn.train import TrialSpec, train

finished = train(spec, dataset, registry, emit)      # `emit` receives every epoch, and may request a stop
"""

from automl_cnn.train.spec import Emit, TrialSpec
from automl_cnn.train.trial import train
from automl_cnn.train.watch import predict

__all__ = ["Emit", "TrialSpec", "predict", "train"]
