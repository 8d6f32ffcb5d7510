"""How much training fits into the time that is left. Pure."""

from __future__ import annotations

LEAST_PART = 0.25  # of an epoch: less is not worth another scoring
PLANNED = 0.97  # of the time left, which is planned with: paces waver


def fitting(left: float, *, step: float, between: float, within: int, steps: int) -> int:
    """Steps that fit into `left` seconds, at `step` seconds each and `between` more after each epoch of `steps`, of which `within` are to come in this one.

    The epoch under way is always counted whole; the last one may be a part of an epoch.
    """
    rest = PLANNED * left - (within * step + between if within else 0.0)
    if rest <= 0:
        return within
    whole, part = divmod(rest, steps * step + between)
    last = int((part - between) / step)
    return within + int(whole) * steps + (last if last >= LEAST_PART * steps else 0)
