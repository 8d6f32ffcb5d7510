"""benchmarks/fuzz.py in short: a few hundred mutated images, archives, tables and lists, and that it would see what it looks for."""

import dataclasses
import os
import sys
from pathlib import Path

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


def test_mutated_archives_tables_and_lists_give_a_data_set_or_a_sentence(fuzz):
    findings, outcomes = fuzz.fuzz(range(150), seed=2, target="inputs")
    assert findings == []
    assert outcomes["read"] > 15
    assert outcomes["refused"] > 50


def test_the_images_are_good_before_they_are_damaged(fuzz):
    for name, content in fuzz.TARGETS["images"].known(0).items():
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
        ("return decoded.Probe('', reason='two\\nlines')", "the reason is not a sentence"),
    ],
    ids=["exception", "crash", "print", "memory", "hang", "reason"],
)
def test_what_goes_wrong_is_a_finding_and_the_rest_goes_on(fuzz, code, problem, tmp_path, monkeypatch):
    """The worker reads with a `look` that misbehaves at the third file."""
    monkeypatch.setattr(fuzz, "WORKER", misbehaving(tmp_path, "pictures.py", "look", code, at=3))
    monkeypatch.setattr(fuzz, "PATIENCE", 4.0 if "sleep" in code else 180.0)
    findings, outcomes = fuzz.fuzz(range(5), seed=1, out=tmp_path / "out")
    assert [finding["number"] for finding in findings] == [2]
    assert problem in findings[0]["problem"]
    assert outcomes["finding"] == 1
    assert [file.relative_to(tmp_path / "out").as_posix() for file in (tmp_path / "out").glob("*/*")] == ["images-1-2/image.img"]


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("raise ValueError('odd')", "searched: ValueError: odd"),
        ("path.with_name('evil').touch()", "searched: changed outside of the cache"),
        ("(cache / 'unpacked' / '.x.part').mkdir(parents=True)", "is left in the cache"),
        ("cache.mkdir(); (cache / 'evil').symlink_to('/etc')", "is left in the cache"),
        ("raise AutomlCnnError('two\\nlines.')", "the message is not a sentence"),
        ("raise AutomlCnnError('No.')", "it is refused, although nothing is wrong with it: No."),
        ("return Scan(Path('/etc'), ('a', 'b'), (('passwd', 0, None), ('group', 1, None)))", "the folder of the images is /etc"),
    ],
    ids=["exception", "outside", "part", "link", "message", "refused", "elsewhere"],
)
def test_what_goes_wrong_with_an_input_is_a_finding(fuzz, code, problem, tmp_path, monkeypatch):
    known = fuzz.TARGETS["inputs"].known(1)
    good = next(number for number in range(200) if fuzz.TARGETS["inputs"].case(1, number, known).good)
    monkeypatch.setattr(fuzz, "WORKER", misbehaving(tmp_path, "reading.py", "scan_input", code, at=1))
    findings, _ = fuzz.fuzz([good], seed=1, target="inputs")
    assert [finding["number"] for finding in findings] == [good]
    assert problem in findings[0]["problem"]


def test_what_must_be_refused_and_is_read_is_a_finding(fuzz, tmp_path):
    from fuzzing import inputs, members, reading

    known = inputs.known(1)
    good = next(case for number in range(200) if (case := inputs.case(1, number, known)).good)
    (tmp_path / "case").mkdir()
    path = good.written(tmp_path / "case")
    assert reading.read_all(path, dataclasses.replace(good, refuse="it holds a link"), 0) == ("searched: it is read, although it holds a link", "read")
    assert [members.Member(name).hostile for name in ("a/../b.png", "/b.png", "C:b.png", "a\\..\\b.png", "a/b.png")] == [True] * 4 + [False]


def misbehaving(place, file, name, code, at):
    """A worker that has a function which does something else, the first time or later."""
    copy = place / "benchmarks" / "fuzzing"
    copy.mkdir(parents=True)
    for module in (BENCHMARKS / "fuzzing").glob("*.py"):
        (copy / module.name).write_text(module.read_text())
    broken = f"""
from automl_cnn.data import decoded
seen = {name}
calls = 0
def {name}(path, cache=None, **options):
    global calls
    calls += 1
    if calls == {at}:
        {code}
    return seen(path, **({{"cache": cache}} if cache else {{}}), **options)
"""
    (copy / file).write_text((copy / file).read_text() + broken)
    return copy / "worker.py"
