"""From alarms by window to what an operator lives through: episodes, false ones, breaks found late or never."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

CALM = 7
"""Days without an alarm after which the next one is a new episode."""
AHEAD, BEHIND = 28, 14
"""An episode is about a real loss that comes within so many days, or that ended no more than so many days ago (and
the labels' delay)."""


@dataclass(frozen=True)
class Score:
    """What a rule's alarms on one stream come to."""

    episodes: int
    false: int
    """Episodes that were about no real loss."""
    calm_days: int
    """Days that were near no real loss."""
    alarmed_calm_days: int
    broke: bool
    """Whether there was a break to find."""
    delay: int | None
    """Days from the break's begin to the end of the first window in alarm; None: never found, or none to find."""
    labels: int | None
    """Labels of rows after the break that were known by then."""


def score(
    alarms: np.ndarray, real: np.ndarray, onset: int | None, length: int, delay: float, labels: np.ndarray
) -> Score:
    """`alarms`, `real` (windows,): the rule's and the truth's; `onset`: the first window of the break; `length`,
    `delay` in days; `labels` (windows,): of rows since the break, known at the end of each window.

    >>> alarms = np.array([False, True, False, False, True])
    >>> real = np.array([False, False, False, True, True])
    >>> found = score(alarms, real, 3, 30, 0, np.arange(5))
    >>> found.episodes, found.false, found.delay, found.labels
    (2, 1, 60, 4)
    """
    about = about_loss(real, length, delay)
    first = begun(alarms, length)
    found = found_at(alarms, onset, length)
    return Score(
        episodes=len(first),
        false=int((~about[first]).sum()),
        calm_days=int((~about).sum()) * length,
        alarmed_calm_days=int((alarms & ~about).sum()) * length,
        broke=onset is not None,
        delay=None if found is None or onset is None else (found + 1 - onset) * length,
        labels=None if found is None else int(labels[found]),
    )


def begun(alarms: np.ndarray, length: int) -> np.ndarray:
    """Windows at which episodes begin.

    >>> begun(np.array([False, True, True, False, True, *[False] * 8, True]), 1)
    array([ 1, 13])
    """
    at = np.flatnonzero(alarms)
    calm = max(CALM // length, 1)
    return at[np.diff(at, prepend=-calm - 1) > calm] if len(at) else at


def about_loss(real: np.ndarray, length: int, delay: float) -> np.ndarray:
    """(windows,) whether an alarm there would be about a real loss.

    >>> about_loss(np.array([False, False, True, False]), 30, 0)
    array([False,  True,  True,  True])
    """
    ahead, behind = -(-AHEAD // length), -(-int(BEHIND + delay) // length)
    found = np.zeros(len(real), dtype=bool)
    for at in np.flatnonzero(real):
        found[max(at - ahead, 0) : at + behind + 1] = True
    return found


def found_at(alarms: np.ndarray, onset: int | None, length: int) -> int | None:
    """The first window in alarm since the break, in an episode that began no earlier than shortly before it: who has
    been in alarm for months has not told anybody of the break."""
    if onset is None:
        return None
    first = begun(alarms, length)
    told = first[first >= onset - -(-AHEAD // length)]
    after = np.flatnonzero(alarms[onset:]) + onset
    after = after[after >= told[0]] if len(told) else after[:0]
    return int(after[0]) if len(after) else None
