"""benchmarks/fuzz.py in short: a few hundred mutated images, and that it would see what it looks for."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest

from automl_cnn.data.decode import read_image
from automl_cnn.errors import DataError

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
REFUSED = ("not finite", "8 bands", "<f4", ">f4", "4 bits, color 2")  # as they are, undamaged

pytestmark = pytest.mark.skipif(not os.path.exists("/proc/self/clear_refs"), reason="the peak of memory is read from Linux's /proc")


@pytest.fixture(scope="module")
def fuzz():
    sys.path.insert(0, str(BENCHMARKS))
    import fuzz

    yield fuzz
    sys.path.remove(str(BENCHMARKS))
    for name in [name for name in sys.modules if name == "fuzz" or name.split(".")[0] == "fuzzing"]:
        del sys.modules[name]


def test_three_hundred_mutated_images_give_an_array_or_a_sentence(fuzz):
    findings, outcomes = fuzz.fuzz(range(300), seed=1)
    assert findings == []
    assert outcomes["read"] > 30
    assert outcomes["refused"] > 30


def test_the_images_are_good_before_they_are_damaged(fuzz):
    for name, content in fuzz.images(np.random.default_rng(0)).items():
        if any(part in name for part in REFUSED) or (", big" in name and ">" in name):
            with pytest.raises(DataError):
                read_image(content, 16, 3)
        else:
            assert read_image(content, 16, 3)[0].shape == (16, 16, 3), name


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("raise ValueError('odd')", "ValueError: odd"),
        ("import os; os.abort()", "the process ended: signal SIGABRT"),
        ("print('words')", r"something was printed: 'words\n'"),
        ("a = bytearray(1_300_000_000); a[::4096] = bytes(len(a[::4096]))", "megabytes, at most 1,200 are allowed"),
        ("import time; time.sleep(60)", "no answer for 4 s"),
        ("return decoded.Probe('', reason='two\\nlines')", "the reason is no sentence"),
    ],
    ids=["exception", "crash", "print", "memory", "hang", "reason"],
)
def test_what_goes_wrong_is_a_finding_and_the_rest_goes_on(fuzz, code, problem, tmp_path, monkeypatch):
    """The worker reads with a `look` that misbehaves at the third file."""
    copy = tmp_path / "benchmarks" / "fuzzing"
    copy.mkdir(parents=True)
    for file in (BENCHMARKS / "fuzzing").glob("*.py"):
        (copy / file.name).write_text(file.read_text())
    worker = copy / "worker.py"
    broken = f"""
from automl_cnn.data import decoded
seen = look
calls = 0
def look(path):
    global calls
    calls += 1
    if calls == 3:
        {code}
    return seen(path)
"""
    worker.write_text(worker.read_text().replace('if __name__ == "__main__":', broken + 'if __name__ == "__main__":'))
    monkeypatch.setattr(fuzz, "WORKER", worker)
    monkeypatch.setattr(fuzz, "PATIENCE", 4.0 if "sleep" in code else 180.0)
    findings, outcomes = fuzz.fuzz(range(5), seed=1, out=tmp_path / "out")
    assert [finding["number"] for finding in findings] == [2]
    assert problem in findings[0]["problem"]
    assert outcomes["finding"] == 1
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["1-2.img"]
