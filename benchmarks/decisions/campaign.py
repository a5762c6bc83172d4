"""Which duels are fought, in which order, by how many processes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed

from threadpoolctl import threadpool_limits

from benchmarks.decisions.duels import Tally, fight
from benchmarks.decisions.questions import KINDS, Kind, Question, question
from benchmarks.decisions.shapes import SHAPES, Shape

_CHUNK = 50


def asked(quick: bool = False) -> list[tuple[Shape, Question]]:
    """Every question with every shape that it is put to.

    >>> len(asked()), len(asked(quick=True))
    (60, 56)
    """
    return [
        (shape, question(shape, kind, primary))
        for shape in SHAPES
        for primary in shape.primaries
        for kind in KINDS
        if _worth(shape, kind, primary, quick)
    ]


def _worth(shape: Shape, kind: Kind, primary: str, quick: bool) -> bool:
    """Twenty minutes are not enough for everything: what was promised comes first."""
    if shape.rows > 5_000:
        return not quick and primary != "roc_auc" and kind in ("equal", "gain")
    if shape.rows < 5_000:
        return primary != "roc_auc" and kind != "hidden"
    if primary == "roc_auc":
        return kind in ("equal", "gain", "hurt")
    return kind != "hidden" or shape.positive is not None


def campaign(duels: int, jobs: int, quick: bool = False) -> Iterator[Tally]:
    """A tally per question, as they are finished; seeds are 0, 1, 2, ...: the same duels in every run."""
    questions = asked(quick)
    chunks = [range(start, min(start + _CHUNK, duels)) for start in range(0, duels, _CHUNK)]
    with ProcessPoolExecutor(jobs, initializer=_alone) as pool:
        waiting = {
            pool.submit(fight, shape, one, seeds): place
            for place, (shape, one) in enumerate(questions)
            for seeds in chunks
        }
        found = {place: Tally(*one, Counter()) for place, one in enumerate(questions)}
        for done in as_completed(waiting):
            place = waiting[done]
            found[place] = found[place] + done.result()
            if found[place].counts["duels"] == duels:
                yield found[place]


def _alone() -> None:
    """One thread per process: the processes are the parallelism."""
    threadpool_limits(1)
