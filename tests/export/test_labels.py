import pytest

from automl_cnn.export.labels import lines

NAMES = [
    "daisy",
    "two\nlines",
    "a\rb",
    "tab\there",
    'say "x"',
    "  spaced ",
    "u\u2028v",
    "n\u0085w",
    "v\x0bt\x0c",
    "",
    " ",
    "\ufeffbom",
    "caf\\xe9",
    "café 猫",
    "a\x1b[2J",
]


@pytest.mark.parametrize("split", [str.splitlines, lambda text: text.split("\n")[:-1], lambda text: [line for line in text.splitlines() if line.strip()]])
def test_no_name_shifts_the_others(split):
    shown = split(lines(NAMES))
    assert len(shown) == len(NAMES)
    for number in (0, 4, 5, 12, 13):
        assert shown[number] == NAMES[number]
    assert shown[1] == "two\\nlines"


def test_names_that_would_read_alike_stay_apart():
    first, second = lines(["a\nb", "a\\nb"]).splitlines()
    assert first != second
