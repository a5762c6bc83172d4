"""What the service answers, as values: nothing here is ever changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, overload


@dataclass(frozen=True)
class ModelName:
    """The release that answered."""

    problem: str
    version: int
    run_id: str


@dataclass(frozen=True)
class Prediction:
    """One answer. Keep the `id`: the label finds its prediction by it."""

    id: str
    prediction: Any
    """The predicted label, or the value."""
    probabilities: Mapping[str, float] | None
    """By class; None for regression."""
    version: int
    """Of the release that answered: during a trial of a new release rows may differ."""


@dataclass(frozen=True)
class Predictions(Sequence[Prediction]):
    """The answers to the rows of one call, in their order."""

    predictions: tuple[Prediction, ...]
    model: ModelName
    """The release that answered (that answered last, where the rows went out in several requests)."""

    @property
    def ids(self) -> list[str]:
        """The id of each answer."""
        return [one.id for one in self.predictions]

    @property
    def values(self) -> list[Any]:
        """The prediction of each answer."""
        return [one.prediction for one in self.predictions]

    @overload
    def __getitem__(self, index: int) -> Prediction: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Prediction]: ...
    def __getitem__(self, index: int | slice) -> Prediction | Sequence[Prediction]:
        return self.predictions[index]

    def __len__(self) -> int:
        return len(self.predictions)

    def __iter__(self) -> Iterator[Prediction]:
        return iter(self.predictions)


@dataclass(frozen=True)
class Explanation(Prediction):
    """An answer with what every column added to it: `base` and the contributions add up to the score."""

    base: Any
    """Where the score starts; by class where there are more than two."""
    contributions: Mapping[str, Any]
    """By column: how much the row's value moved the score; by class where there are more than two."""
    link: str
    """What the sum is: `identity`: the value itself; `logit` or `softmax`: what the probabilities come from."""


@dataclass(frozen=True)
class Rejected:
    """A label that was not accepted: its position in the call, its id if it had one, and why."""

    row: int
    id: str | None
    reason: str


@dataclass(frozen=True)
class Receipt:
    """What became of labels: those accepted are kept for good."""

    accepted: tuple[str, ...]
    rejected: tuple[Rejected, ...]


@dataclass(frozen=True)
class Model:
    """A problem and the release that answers for it, if one does."""

    problem: str
    status: str
    """`serving`, or `none` while no release is in service."""
    version: int | None
    run_id: str | None
    task: str | None
    question: str | None
    history_as_of: datetime | None
    """Up to when the history is known that the model looks up; None where it looks none up."""
    raw: Mapping[str, Any] = field(repr=False)
    """Everything that the service says of it: features, limits, lineage."""


@dataclass(frozen=True)
class Logged:
    """One answer as the service keeps it, with every label that came for it, the last one last."""

    id: str
    problem: str
    version: int
    prediction: Any
    probabilities: Mapping[str, float] | None
    at: datetime
    labels: tuple[Any, ...]
    raw: Mapping[str, Any] = field(repr=False)
    """The whole record: inputs, history, when each label came."""
