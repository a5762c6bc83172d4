"""The blocks of many windows as one row of blocks, each with enough labels to say something."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import Any

from pipelines.core.watching.observed import Block

_RIPE = 0.8  # of the usual share of labels, from which on a block counts
_TOLD = 14  # blocks from which on the older ones tell what share of labels is usual
FEWEST = 30  # labels of a block; blocks with fewer are pooled with their neighbours


def mature(blocks: Iterable[Block]) -> list[Block]:
    """The blocks in order of time, those of one start as one, without those whose labels are still coming in.

    Labels that come first may be of another kind than those that come late: a claim is known at once, that there was
    none only after months. So a block counts when its share of labels is nearly that of the older ones; as long as
    nothing tells what is usual, nearly all of its labels must be known.
    """
    same: dict[Any, Block] = {}
    for one in blocks:
        held = same.get(one.start)
        same[one.start] = one if held is None else added(held, one)
    found = sorted(same.values(), key=lambda block: block.start)
    shares = [one.labels / one.rows for one in found]
    older = sorted(shares[: len(shares) - len(shares) // 3])
    usual = older[(3 * len(older)) // 4] if len(found) >= _TOLD else 1.0
    return [one for one, share in zip(found, shares, strict=True) if share > 0 and share >= _RIPE * usual]


def pooled(blocks: Iterable[Block]) -> list[Block]:
    """Blocks in order of time, each with enough labels: those with few join the next.

    What is left over at the end stands alone: joined to its neighbour it would change what was judged before.
    """
    found: list[Block] = []
    waiting: Block | None = None
    for one in blocks:
        if not one.labels:
            continue
        waiting = one if waiting is None else added(waiting, one)
        if waiting.labels >= FEWEST:
            found.append(waiting)
            waiting = None
    return found if waiting is None else [*found, waiting]


def added(first: Block, second: Block) -> Block:
    """Both as one block, which begins with the first."""
    sums: dict[str, Any] = {"start": first.start}
    for one in fields(Block)[1:]:
        values = getattr(first, one.name), getattr(second, one.name)
        if isinstance(values[0], tuple):
            sums[one.name] = tuple(a + b for a, b in zip(*values, strict=True))
        else:
            sums[one.name] = values[0] + values[1]
    return Block(**sums)


def labels_of(blocks: Sequence[Block]) -> int:
    """The labelled rows of all blocks."""
    return sum(one.labels for one in blocks)
