"""Every error that Ratchet raises on purpose, as one tree.

::

    RatchetError                 something a person can act on; the message says what, which, and what to do next
    ├── ProblemError             the problem file is wrong, missing or does not fit the data
    ├── SourceError              the data source cannot be read
    ├── ContractError            the data breaks the contract as a whole (a breaking schema change)
    ├── PayloadError             rows of one request break the contract; carries every issue
    ├── NotEnoughData            too few rows or labels to do what was asked
    ├── ModelFileError           a model file is damaged, untrusted or does not fit its manifest
    ├── NotFound                 a release, prediction, snapshot or run that does not exist
    ├── Busy                     someone else holds the lock; try again later
    └── Unavailable              an outside system does not answer
"""

from __future__ import annotations

from dataclasses import dataclass


class RatchetError(Exception):
    """The root of the tree; `exit_code` is what the command ends with."""

    exit_code = 1


class ProblemError(RatchetError):
    """The problem file is wrong, missing or does not fit the data."""

    exit_code = 3


class SourceError(RatchetError):
    """The data source cannot be read."""

    exit_code = 4


class ContractError(RatchetError):
    """The data breaks the contract as a whole: a breaking schema change."""

    exit_code = 5


class NotEnoughData(RatchetError):
    """Too few rows or labels to do what was asked."""

    exit_code = 6


class ModelFileError(RatchetError):
    """A model file is damaged, untrusted or does not fit its manifest."""

    exit_code = 7


class NotFound(RatchetError):
    """A release, prediction, snapshot or run that does not exist."""

    exit_code = 8


class Busy(RatchetError):
    """Someone else holds the lock."""

    exit_code = 9


class Unavailable(RatchetError):
    """An outside system (MLflow, Prefect, DVC, the database) does not answer."""

    exit_code = 10


@dataclass(frozen=True)
class Issue:
    """One thing wrong with one cell of a request: `row` counts from 0."""

    row: int
    feature: str
    message: str


class PayloadError(RatchetError):
    """Rows of one request break the contract; `issues` names row and feature of each."""

    exit_code = 11

    def __init__(self, message: str, issues: tuple[Issue, ...] = ()) -> None:
        super().__init__(message)
        self.issues = issues
