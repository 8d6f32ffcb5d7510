"""What may be wrong with a folder of images, before an hour is spent on it: `automl-cnn check`."""

from automl_cnn.check.problem import Case, Checked, Problem
from automl_cnn.check.run import check

__all__ = ["Case", "Checked", "Problem", "check"]
