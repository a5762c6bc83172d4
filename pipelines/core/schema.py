"""The contract's nouns: what each column holds and which rules it keeps."""

from __future__ import annotations

import hashlib
import json
from functools import cached_property
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from pipelines.core.problem import Kind, Task

ClassType = Literal["boolean", "integer", "number", "text"]


class Column(BaseModel):
    """One column of the contract: the declared rules are enforced, the values seen only described."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    name: str
    kind: Kind
    feature: bool = True
    """Whether the model sees it; else history, the split or the scorecard need it."""
    asked: bool = True
    """Whether a caller may give it with a prediction: a feature, an entity of history, the time."""
    integer: bool = False
    """Whether all numbers seen are whole."""
    boolean: bool = False
    """Whether the values seen are true and false; a numeric column then reads them as 1 and 0."""
    form: str | None = None
    """strptime form of dates that are not ISO 8601."""
    nullable: bool = True
    """Whether missing values were seen."""
    required: bool = False
    """Whether a missing value is refused (declared)."""
    missing: float = 0.0
    """Share of missing values seen."""
    low: float | None = None
    """Smallest value seen (datetime: seconds since 1970)."""
    high: float | None = None
    """Largest value seen (datetime: seconds since 1970)."""
    minimum: float | None = None
    """Smallest value allowed (declared)."""
    maximum: float | None = None
    """Largest value allowed (declared)."""
    seen: list[str] | None = None
    """Categories seen, sorted; None when there are more than a thousand."""
    categories: list[str] | None = None
    """The only categories allowed (declared)."""
    example: Any = None
    """A value seen, as JSON."""

    @cached_property
    def allowed(self) -> frozenset[str] | None:
        """The declared closed set of categories, ready to look up."""
        return None if self.categories is None else frozenset(self.categories)


class Contract(BaseModel):
    """The table's schema and rules, inferred once, then enforced at ingest, at the API and in monitoring."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    problem: str
    task: Task
    target: str
    classes: list[str] | None = None
    """Canonical class texts, in the order of the model's probabilities; binary: the positive one last."""
    class_type: ClassType | None = None
    """What the classes were before they became text."""
    time: str | None = None
    key: list[str] = []
    label_known_at: str | None = None
    ignored: list[str] = []
    """Columns of the source that are known and not used: accepted in a request, and left unread."""
    columns: tuple[Column, ...]
    """Features, and the columns that history, the split and the scorecard need."""
    made_from: str = ""
    """Digest of the parts of the problem file that the contract was inferred with."""

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the contract as JSON with sorted keys."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()

    @cached_property
    def features(self) -> tuple[Column, ...]:
        """The columns that the model sees."""
        return tuple(column for column in self.columns if column.feature)

    @cached_property
    def by_name(self) -> dict[str, Column]:
        """The columns by their names."""
        return {column.name: column for column in self.columns}

    @cached_property
    def known_names(self) -> frozenset[str]:
        """Every name that a request may carry."""
        others = {self.target, self.time, self.label_known_at, *self.key, *self.ignored} - {None}
        return frozenset(str(name) for name in others) | frozenset(self.by_name)
