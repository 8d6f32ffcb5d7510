"""Where the stages of a network end, so that a readout can average each one's last map.

No plugin has to say it. Blocks end where `net.after_block` was called, or at the addition behind a residual branch. Blocks in a row whose maps
have one shape form a stage. An architecture that never calls `after_block` ends its stages where its maps become smaller.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

Tensor = Any  # a Keras tensor; Keras has no public type for it
ACTIVATIONS = (keras.layers.Activation, keras.layers.ReLU)


def stage_ends(given: Tensor, out: Tensor, marks: Sequence[Tensor] = ()) -> list[Tensor]:
    """The last 4-D map of each stage between `given` and `out`, from bottom to top; `out` is the last one.

    `marks` are what `net.after_block` returned while the network was built.
    """
    narrow, uses = bottlenecks(given, out), _uses(given, out)
    places = {id(tensor): place for place, tensor in enumerate(narrow)}
    blocks = sorted({place for mark in marks if (place := _behind(mark, places, narrow, uses)) is not None})
    maps = [narrow[place] for place in blocks] if len({_shape(narrow[place]) for place in blocks}) > 1 else narrow
    same = _shape if maps is not narrow else lambda tensor: _shape(tensor)[:2]
    ends = [tensor for tensor, following in zip(maps, [*maps[1:], None], strict=True) if following is None or same(following) != same(tensor)]
    return [*(end for end in ends if end is not out and end is not given), out]


def bottlenecks(given: Tensor, out: Tensor) -> list[Tensor]:
    """The 4-D tensors that every path from `given` to `out` passes, in order: no shortcut bridges them."""
    uses = _uses(given, out)
    last_use = {id(tensor): number for number, (tensors, _) in enumerate(uses) for tensor in tensors}
    narrow, open_until = [], 0
    for number, (_, made) in enumerate(uses):
        if open_until <= number and len(made.shape) == 4:
            narrow.append(made)
        open_until = max(open_until, last_use.get(id(made), number))
    return narrow


def _uses(given: Tensor, out: Tensor) -> list[tuple[Sequence[Tensor], Tensor]]:
    """What goes into each layer's call and what comes out, from `given` to `out`, each behind those it depends on."""
    order: list[tuple[Sequence[Tensor], Tensor]] = [((), given)]
    seen = {id(given)}
    stack: list[tuple[Tensor, bool]] = [(out, False)]
    while stack:
        tensor, ready = stack.pop()
        layer, use = tensor._keras_history[:2]  # Keras has no public way from a tensor to what made it
        inputs = layer._inbound_nodes[use].input_tensors
        if ready:
            order.append((inputs, tensor))
        elif id(tensor) not in seen:
            seen.add(id(tensor))
            stack.append((tensor, True))
            stack.extend((one, False) for one in reversed(inputs))
    return order


def _behind(mark: Tensor, places: dict[int, int], narrow: Sequence[Tensor], uses: Sequence[tuple[Sequence[Tensor], Tensor]]) -> int | None:
    """The place of the first bottleneck at or behind a mark, past the activation that ends its block; None where the mark leads nowhere."""
    tensor = mark
    while id(tensor) not in places:
        following = next((made for inputs, made in uses if any(one is tensor for one in inputs)), None)
        if following is None:
            return None
        tensor = following
    place = places[id(tensor)]
    while place + 1 < len(narrow) and isinstance(narrow[place + 1]._keras_history[0], ACTIVATIONS) and tensor is not mark:
        place += 1
    return place


def _shape(tensor: Tensor) -> tuple[int | None, ...]:
    return tuple(tensor.shape)[1:]
