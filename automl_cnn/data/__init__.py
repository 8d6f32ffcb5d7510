"""Images on disk or in memory -> a checked, split and decoded `Dataset`. Nothing here imports Keras."""

from automl_cnn.data.cache import Source, dataset_of, in_fit, pixels, prepare, prepare_arrays, read
from automl_cnn.data.dataset import Dataset, Skipped
from automl_cnn.data.decode import as_uint8, open_image, resize_array
from automl_cnn.data.inputs import scan_input
from automl_cnn.data.levels import Levels
from automl_cnn.data.scan import Scan, scan, set_name
from automl_cnn.data.split import split

__all__ = [
    "Dataset",
    "Levels",
    "Scan",
    "Skipped",
    "Source",
    "as_uint8",
    "dataset_of",
    "in_fit",
    "open_image",
    "pixels",
    "prepare",
    "prepare_arrays",
    "read",
    "resize_array",
    "scan",
    "scan_input",
    "set_name",
    "split",
]
