"""The lessons: each notebook is its script, executed, and runs again."""

import importlib.util
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent.parent / "notebooks"
spec = importlib.util.spec_from_file_location("execute_notebooks", FOLDER / "execute.py")
execute = importlib.util.module_from_spec(spec)
spec.loader.exec_module(execute)
CHAPTERS = execute.chapters()


@pytest.fixture(scope="module")
def lessons():
    spec = importlib.util.spec_from_file_location("lessons_of_notebooks", FOLDER / "lessons.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_there_are_a_tour_and_ten_chapters():
    assert [script.stem[:2] for script in CHAPTERS] == [f"{number:02}" for number in range(11)]


@pytest.mark.parametrize("script", CHAPTERS, ids=lambda script: script.stem)
def test_a_chapter_asks_predicts_concludes_and_has_three_exercises(script, lessons):
    text = script.read_text(encoding="utf-8")
    number = int(script.stem[:2])
    assert text.startswith(f"# %% [markdown]\n# # {number}. ")
    if number:
        for part in ("**Question.**", "**Predict first.**", "**Conclusion.**", "## Exercises"):
            assert part in text, part
        for exercise in (1, 2, 3):
            assert f'check("{number}.{exercise}", ...)' in text
            assert f"{number}.{exercise}" in lessons._ANSWERS


def test_an_exercise_is_right_wrong_or_not_answered_yet(lessons, capsys):
    lessons.check("2.2", 11)
    lessons.check("2.2", 12)
    lessons.check("2.2", "eleven")
    lessons.check("2.2", ...)
    lessons.check("10.3", "ONNX")
    assert capsys.readouterr().out.splitlines() == [
        "Exercise 2.2: right.",
        "Exercise 2.2: not yet. The first layer sees 3 pixels, and each further one adds 2.",
        "Exercise 2.2: not yet. The first layer sees 3 pixels, and each further one adds 2.",
        "Exercise 2.2: put your answer in place of the dots.",
        "Exercise 10.3: right.",
    ]
    with pytest.raises(ValueError, match=r"There is no exercise '12\.1'"):
        lessons.check("12.1", 0)


def test_a_notebook_beside_a_script_is_the_script_executed():
    import nbformat

    for script in CHAPTERS:
        file = script.with_suffix(".ipynb")
        kept, made = nbformat.read(file, as_version=4), execute.notebook(script)
        assert [(cell.cell_type, cell.source) for cell in kept.cells] == [(cell.cell_type, cell.source) for cell in made.cells], file.name
        assert any(cell.get("outputs") for cell in kept.cells)
        assert not [output for cell in kept.cells for output in cell.get("outputs", ()) if output.output_type == "error"]
        assert file.stat().st_size <= execute.MOST


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_every_chapter_runs(monkeypatch):
    """In quick mode and one kernel after another: importing TensorFlow takes longer than most chapters."""
    from jupyter_client.manager import KernelManager

    monkeypatch.setenv("AUTOML_CNN_QUICK", "1")
    kernel = KernelManager(kernel_name="python3")
    kernel.start_kernel(cwd=str(FOLDER))
    try:
        for script in CHAPTERS:
            execute.execute(execute.notebook(script), kernel=kernel)
    finally:
        kernel.shutdown_kernel(now=True)
