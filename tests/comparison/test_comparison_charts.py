"""Which kind of plot a comparison gets."""

import numpy as np
import pytest
from comparison_fakes import TABLE, results_of, study

from automl_cnn.comparison import charts

MORE = TABLE.replace('set = { "simple_cnn.kernel" = "7x7" }', "train = 400")
ALONG = TABLE + '\n[[along]]\nname = "a"\nat = 1\n\n[[along]]\nname = "b"\nat = 2\n'


@pytest.mark.parametrize(("table", "kind"), [(TABLE, "dots"), (MORE, "dots"), (ALONG, "lines")])
def test_lines_are_drawn_only_where_something_is_varied_along_them(tmp_path, monkeypatch, table, kind):
    drawn = []
    monkeypatch.setattr(charts, "_lines", lambda *given: drawn.append("lines"))
    monkeypatch.setattr(charts, "_dots", lambda *given: drawn.append("dots"))
    comparison = study(tmp_path / "kernels", table)
    charts.plot(results_of(comparison, [np.ones((3, 4), bool)] * len(comparison.networks)), tmp_path / "plot.png")
    assert drawn == [kind]


def test_numbers_of_images_stand_beside_the_names_where_they_differ(tmp_path, monkeypatch):
    shown = {}
    monkeypatch.setattr(charts, "dots", lambda panel, scores, measure, reference: shown.update(dict.fromkeys(scores), reference=reference))
    comparison = study(tmp_path / "kernels", MORE)
    charts.plot(results_of(comparison, [np.ones((3, 4), bool)] * 2), tmp_path / "plot.png")
    assert shown == {"small (200)": None, "large (400)": None, "reference": "small (200)"}
