import pytest

from automl_cnn.text import inline, is_safe, readable, visible


def test_bytes_that_are_no_utf8_are_escaped_and_others_decoded():
    assert readable("café 猫") == "café 猫"
    assert readable("caf\udce9") == "caf\\xe9"
    assert readable("caf\udcc3\udca9") == "café"  # as an ASCII locale hands over UTF-8
    assert readable("\ud800x") == "\\ud800x"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[31mb", "a\\x1b[31mb"),
        ("a\x07\x08\x7f\x9b31m", "a\\x07\\x08\\x7f\\x9b31m"),
        ("over\rwritten", "over\\rwritten"),
        ("gpj\u202e.exe", "gpj\\u202e.exe"),
        ("a\u2028b\u0085c", "a\\u2028b\\x85c"),
        ("zero\u200bwidth\ufeff", "zero\\u200bwidth\\ufeff"),
        ("tag\U000e0041", "tag\\U000e0041"),
        ("one\r\ntwo\n\tthree", "one\ntwo\n\tthree"),
        ("naïve 猫 👩\u200d🚀 نمی\u200cخواهم [red]", "naïve 猫 👩\u200d🚀 نمی\u200cخواهم [red]"),
    ],
)
def test_no_terminal_obeys_a_message(text, shown):
    assert visible(text) == shown
    assert is_safe(visible(text))


def test_a_name_stays_on_its_line():
    assert inline("a\n\tb\r") == "a\\n\\tb\\r"
