import pytest

from automl_cnn import quantities


@pytest.mark.parametrize(
    ("read", "written", "expected"),
    [
        (quantities.count, "1.5M", 1.5e6),
        (quantities.count, "300k", 3e5),
        (quantities.count, 1000, 1000),
        (quantities.count, "1,000,000", 1e6),
        (quantities.size, "5MB", 5e6),
        (quantities.size, "1 GiB", 2**30),
        (quantities.size, 4096, 4096),
        (quantities.milliseconds, "20ms", 20),
        (quantities.milliseconds, "0.5s", 500),
        (quantities.milliseconds, "20", 20),
    ],
)
def test_amounts_are_read_as_a_person_writes_them(read, written, expected):
    assert read(written) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("read", "written"),
    [
        (quantities.count, "many"),
        (quantities.count, "5MB"),
        (quantities.size, "-5MB"),
        (quantities.size, "0"),
        (quantities.milliseconds, "20 parsecs"),
        (quantities.count, True),
    ],
)
def test_what_is_no_amount_is_refused_with_an_example(read, written):
    with pytest.raises(ValueError, match=r"expected for example|not above zero"):
        read(written)
