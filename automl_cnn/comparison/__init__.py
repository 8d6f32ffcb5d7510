"""Comparisons: networks trained side by side on the same images, with intervals. `automl-cnn study` runs them.

A search looks for the best network. A comparison answers a question: is three 3x3 convolutions in a row better than one
7x7? It is a table in a file, study.toml, that names the networks, the image sets, the seeds and the epochs.

    from automl_cnn.comparison import load, run

    results = run(load("studies/three_small_kernels"), budget="30m")
    print(results.table())

Every training is one trial of a study in the store. A comparison that was stopped goes on where it ended.
"""

from automl_cnn.comparison.results import Contrast, Results, Row, Score
from automl_cnn.comparison.run import run
from automl_cnn.comparison.table import Comparison, ImageSet, Network, available, load

__all__ = ["Comparison", "Contrast", "ImageSet", "Network", "Results", "Row", "Score", "available", "load", "run"]
