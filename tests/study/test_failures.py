"""When failures in a row say that no other network will do better."""

import pytest

from automl_cnn.errors import Cause
from automl_cnn.records import Fidelity, State, Trial
from automl_cnn.study.plan.failures import EQUAL, EQUAL_ALONE, in_a_row


def trials(*failures):
    for number, (failure, architecture) in enumerate(failures):
        state = State.COMPLETE if failure is None else State.FAILED
        cause = Cause.INTERRUPTED if failure and failure.startswith("interrupted") else None if failure is None else Cause.OTHER
        yield Trial(number, {"architecture": architecture}, Fidelity(1), "", "search", state, failure=failure, cause=cause)


LOST = [("the disk gave 5 bytes", "a"), ("the disk gave 17 bytes", "b")] * EQUAL


@pytest.mark.parametrize(
    ("failures", "architectures", "ends"),
    [
        ([], 2, False),
        (LOST[:EQUAL], 2, True),
        (LOST[: EQUAL - 1], 2, False),
        ([*LOST[:3], (None, "a"), *LOST[:4]], 2, False),  # one did not fail
        ([*LOST[:4], ("another reason", "a")], 2, False),
        ([(f"reason {letter}", "ab"[number % 2]) for number, letter in enumerate("vwxyz")], 2, False),
        ([("it raised", "a")] * 20, 2, False),  # that network's fault
        ([("it raised", "a")] * EQUAL, 1, False),
        ([("it raised", "a")] * EQUAL_ALONE, 1, True),
        ([("interrupted: the images are gone", "a")] * EQUAL, 1, True),
        ([("interrupted: the images are gone", "a")] * EQUAL, 2, True),
    ],
)
def test_failures_for_one_reason_that_no_network_is_to_blame_for_end_the_search(failures, architectures, ends):
    reason = in_a_row(tuple(trials(*failures)), architectures)
    assert (reason is not None) is ends
    assert not ends or failures[-1][0] in reason
