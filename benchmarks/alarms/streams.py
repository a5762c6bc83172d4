"""The streams: what each world does to a release, and whether that is harm.

A stream is a name for a world; `draw(stream, seed)` (in `rows.py`) makes it, `frame(name, seed)` gives it as a table.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from pipelines.core.problem import Task

TRAINING = 90
"""Days before the release; it is trained on the first four fifths of their rows and judged on the rest."""

Covariates = Literal["still", "gradual", "sudden", "weekly", "yearly", "weather", "beyond"]
Concept = Literal["still", "sudden", "gradual", "recurring", "labels"]
Broken = Literal["zeros", "nulls", "some nulls", "unit", "spare zeros"]
Labels = Literal["on time", "any time", "positives sooner", "half"]


@dataclass(frozen=True)
class Stream:
    """A world: `rows` a day for `days` days after the release; `harm`: whether the release comes to harm in it."""

    name: str
    task: Task = "binary"
    positive: float = 0.5
    """Share of positive labels (binary)."""
    rows: int = 300
    days: int = 365
    delay: float = 3.0
    """Days from a row to its label, or their mean."""
    labels: Labels = "on time"
    covariates: Covariates = "still"
    concept: Concept = "still"
    strength: float = 1.0
    """Of the change of the concept."""
    broken: Broken | None = None
    luck: float = 0.0
    """Spread of what the rows of one day have in common, in logits or in units of the noise."""
    carried: float = 0.0
    """How much of a day's luck is still there the day after."""
    learner: Literal["linear", "trees"] = "linear"
    harm: bool = False

    @property
    def changes(self) -> bool:
        """Whether something happens at a moment of its own."""
        moves = self.covariates in ("gradual", "sudden", "beyond")
        return moves or self.concept != "still" or self.broken is not None


def _harmful(name: str, **given: object) -> Stream:
    return replace(Stream(name, days=240, harm=True), **given)  # type: ignore[arg-type]


QUIET = (
    Stream("quiet", days=1095),
    Stream("quiet, 100 rows a day", rows=100, delay=1),
    Stream("quiet, 40 rows a day", rows=40, positive=0.3, delay=1),
    Stream("quiet, 2,000 rows a day", rows=2000, delay=7),
    Stream("quiet, 3% positive", positive=0.03, rows=1000, delay=5),
    Stream("quiet, 3% positive, 100 rows a day", positive=0.03, rows=100, delay=5),
    Stream("quiet, three classes", task="multiclass"),
    Stream("quiet, regression", task="regression", rows=200, delay=2),
    Stream("quiet, boosted trees", learner="trees"),
    Stream("days share luck", luck=0.3, delay=2),
    Stream("days share luck, half is carried over", luck=0.3, carried=0.5, delay=2),
    Stream("days share luck, 3% positive", luck=0.4, positive=0.03, rows=1000, delay=2),
    Stream("days share luck, regression", luck=0.3, task="regression", delay=2),
    Stream("labels at any time", labels="any time", delay=4),
    Stream("positives known sooner", labels="positives sooner", delay=4),
    Stream("half of the labels never come", labels="half"),
    Stream("other rows, gradually", covariates="gradual"),
    Stream("other rows, suddenly", covariates="sudden"),
    Stream("other rows, suddenly, 3% positive", covariates="sudden", positive=0.03, rows=1000),
    Stream("other rows, suddenly, regression", covariates="sudden", task="regression", rows=200),
    Stream("other rows, suddenly, three classes", covariates="sudden", task="multiclass"),
    Stream("the week shows", covariates="weekly"),
    Stream("the weather shows", covariates="weather"),
    Stream("the year shows", covariates="yearly", days=730),
    Stream("the year shows, regression", covariates="yearly", task="regression", days=730),
    Stream("an unused column breaks", broken="spare zeros"),
)
HARMFUL = (
    _harmful("labels shift", concept="labels"),
    _harmful("labels shift, 3% positive", concept="labels", positive=0.03, rows=1000),
    _harmful("labels shift, three classes", concept="labels", task="multiclass"),
    _harmful("sudden change", concept="sudden"),
    _harmful("sudden change, small", concept="sudden", strength=0.6),
    _harmful("sudden change, 100 rows a day", concept="sudden", rows=100),
    _harmful("sudden change, 3% positive", concept="sudden", positive=0.03, rows=1000),
    _harmful("sudden change, three classes", concept="sudden", task="multiclass"),
    _harmful("sudden change, regression", concept="sudden", task="regression", rows=200),
    _harmful("sudden change, days share luck", concept="sudden", luck=0.3),
    _harmful("gradual change", concept="gradual"),
    _harmful("gradual change, regression", concept="gradual", task="regression"),
    _harmful("recurring change", concept="recurring"),
    _harmful("rows that the model cannot follow", covariates="beyond"),
    _harmful("a column turns zero", broken="zeros"),
    _harmful("a column turns empty", broken="nulls"),
    _harmful("a column turns empty in 40% of rows", broken="some nulls"),
    _harmful("a column changes its unit", broken="unit"),
    _harmful("a column changes its unit, regression", broken="unit", task="regression"),
    _harmful("a column changes its unit, boosted trees", broken="unit", learner="trees"),
)
STREAMS = {stream.name: stream for stream in (*QUIET, *HARMFUL)}
