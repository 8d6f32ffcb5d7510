"""The project's own studies: their tables, their READMEs and, in a minute, their trainings."""

from pathlib import Path

import pytest

from automl_cnn import registry
from automl_cnn.comparison import available, load, run
from automl_cnn.comparison.readme import BEGIN, END, markdown
from automl_cnn.comparison.results import FILE, read

ROOT = Path(__file__).parent.parent.parent
STUDIES = ROOT / "studies"
NAMES = available(STUDIES)
PUBLIC = "digits"  # which every clone has
TRAINED = ("one_by_one_reductions", "compound_scaling", "transfer_by_images", "optimizers")  # plugins of its own, a match, weights, an optimizer


def test_every_folder_is_a_study():
    assert [folder.name for folder in sorted(STUDIES.iterdir()) if folder.is_dir()] == list(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_study_asks_one_thing_with_three_seeds_on_a_set_that_everybody_has_and_another(name):
    study = load(STUDIES / name)
    assert study.question.endswith("?")
    assert study.claim.endswith(".")
    assert study.source
    assert study.figure
    assert len(study.seeds) >= 3
    assert {images.name for images in study.sets} > {PUBLIC}
    quick = load(STUDIES / name, quick=True)
    assert {images.name for images in quick.sets} == {PUBLIC}
    assert 1 <= len(quick.networks) <= 4, "a run of a minute"


@pytest.mark.parametrize("name", NAMES)
def test_a_study_names_plugins_and_parameters_that_exist(name):
    study = load(STUDIES / name)
    known = registry.load(study.plugins)
    assert known.broken == {}
    own = ("architecture", "resolution", "width", "depth", "batch_size", "optimizer")
    for network in study.networks:
        for key, value in network.values.items():
            plugin, _, parameter = key.partition(".")
            if key in own[1:] and key != "optimizer":
                assert value > 0
            elif key in own:
                assert known.get(key, str(value))
            elif plugin in ("regularizer", "pretrained", "finetune"):
                assert known.find(parameter)
            else:
                known.find(plugin).plugin.domains()[parameter].check(value, key)


@pytest.mark.parametrize("name", NAMES)
def test_a_readme_has_the_table_of_its_results(name):
    text = (STUDIES / name / "README.md").read_text(encoding="utf-8")
    study = load(STUDIES / name)
    assert text.startswith(f"# {study.title}\n")
    assert f"automl-cnn study {name}" in text
    table = text.partition(BEGIN)[2].partition(END)[0].strip()
    results = read(study, STUDIES / name / FILE)
    assert results.stale == 0, "the table was changed after it was run: run it again"
    assert table == (markdown(results) if results.rows else "Not run in full yet.")
    assert f"[{name}]({name}/README.md)" in (STUDIES / "README.md").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("name", TRAINED)
def test_a_study_runs_in_a_minute(name, tmp_path):
    study = load(STUDIES / name, quick=True)
    results = run(study, store=tmp_path / "store", track=False)
    assert results.missing == 0
    assert {row.failure for row in results.rows} == {""}
    assert len(results.rows) == len(study.networks) * len(study.seeds)
    assert all(0 <= row.accuracy <= 1 and row.params > 0 and row.right for row in results.rows)
    assert not (STUDIES / name / "automl-cnn-runs").exists()
    if name == "compound_scaling":
        costs = {row.series: row.mult_adds for row in results.rows}
        assert costs["compound"] > 2 * costs["baseline"], "four times, as nearly as so few channels allow"
