"""Problems of a folder of images, found before an hour is spent on it: `automl-cnn check`."""

from automl_cnn.check.run import check
from automl_cnn.problems import Case, Checked, Problem

__all__ = ["Case", "Checked", "Problem", "check"]
