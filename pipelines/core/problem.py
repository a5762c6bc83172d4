"""The Problem: the one YAML file that a data scientist writes.

Five lines are enough; everything else has a default that suits most tables::

    name: houses
    data:
      source: houses.csv
      target: price
"""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from pipelines.core.good_enough import Behaviour, GoodEnough
from pipelines.core.problem_parts import (
    CLASSIFICATION_METRICS,
    HIGHER_IS_BETTER,
    REGRESSION_METRICS,
    Columns,
    CronText,
    Duration,
    Kind,
    Name,
    Section,
    Share,
    Task,
    parse_duration,
    write_duration,
)

__all__ = [
    "CLASSIFICATION_METRICS",
    "HIGHER_IS_BETTER",
    "REGRESSION_METRICS",
    "Behaviour",
    "GoodEnough",
    "Kind",
    "Problem",
    "Task",
    "parse_duration",
    "write_duration",
]

Files = str | list[str]


class Source(Section):
    """Where the rows come from: CSV or Parquet files, a package's data files, or SQL over either."""

    files: Files | dict[str, Files]
    """Paths or globs, relative to the problem file (or inside `package`); with names they become SQL tables."""
    package: str | None = None
    """An installed Python package whose data files these are."""
    sql: str | None = None
    """A DuckDB query over the named files; without names the one table is called `data`."""
    null_values: list[str] = ["", "NA", "NaN", "nan", "NULL", "null", "None"]
    """What stands for a missing value in CSV files."""

    @model_validator(mode="after")
    def _named_files_need_sql(self) -> Source:
        if not self.files:
            raise ValueError("at least one file is needed")
        if isinstance(self.files, dict) and len(self.files) > 1 and not self.sql:
            raise ValueError("several named files need `sql` to say how they are joined")
        return self


class Target(Section):
    """What is predicted and how it is made."""

    column: str
    """The column to predict; the one that labels are compared with."""
    expression: str | None = None
    """A SQL expression over the source's columns that makes the column, for example `arr_delay > 15`."""
    positive: str | bool | int | None = None
    """Binary task: the class whose probability is judged; default: the second in sorted order."""


def _target(value: object) -> object:
    return {"column": value} if isinstance(value, str) else value


def _source(value: object) -> object:
    return {"files": value} if isinstance(value, str | list) else value


class Data(Section):
    """The table: its source, its target, its time and its key."""

    source: Annotated[Source, BeforeValidator(_source, json_schema_input_type=Files | Source)]
    """Where the rows come from; a path or a list of paths is enough."""
    target: Annotated[Target, BeforeValidator(_target, json_schema_input_type=str | Target)]
    """What is predicted; a column's name is enough."""
    time: str | None = None
    """The moment at which the prediction is asked for."""
    key: Columns = []
    """Columns that identify a row; a repeated key is quarantined."""
    label_known_at: str | None = None
    """Column with the moment at which the label became known."""
    label_delay: Duration | None = None
    """How long after `time` the label is known, where no column says it."""

    @model_validator(mode="after")
    def _one_way_to_know(self) -> Data:
        if self.label_known_at is not None and self.label_delay is not None:
            raise ValueError("give label_known_at or label_delay, not both")
        if (self.label_known_at is not None or self.label_delay is not None) and not self.time:
            raise ValueError("label_known_at and label_delay need `time`")
        return self


class HistoryFeature(Section):
    """An aggregate over past rows of the same entity, joined point-in-time on *known at*."""

    name: str
    """Name of the feature, new to the table."""
    by: Columns = []
    """Columns that name the entity; none means all rows."""
    of: str | None = None
    """Column that is aggregated: the target (binary: 1 for the positive class) or a number; none with `count`."""
    how: Literal["mean", "sum", "count", "std", "last"] = "mean"
    """The aggregate; `std` needs two values, the others one."""
    window: Duration
    """Only values that became known within this time before the row's own time count."""
    known_at: str | None = None
    """Column that says when the value became known; default: the label's for the target, else the row's time."""

    @model_validator(mode="after")
    def _needs_a_value(self) -> HistoryFeature:
        if self.of is None and self.how != "count":
            raise ValueError(f"history feature {self.name!r}: `how: {self.how}` needs `of`, the column to aggregate")
        return self


class Override(Section):
    """What a person knows of one feature that the data does not say; breaking it is an error, not a warning."""

    minimum: float | None = None
    """The smallest value allowed."""
    maximum: float | None = None
    """The largest value allowed."""
    categories: list[str] | None = None
    """The only values allowed."""
    required: bool = False
    """A missing value is refused."""


class FeatureSection(Section):
    """Columns by kind; what is not listed is inferred from the data."""

    numeric: Columns = []
    """Numbers whose size means something."""
    categorical: Columns = []
    """Names, codes and flags: values that are equal or not."""
    datetime: Columns = []
    """Moments; the model sees year, month, weekday, day of the year and hour, as far as the rows reach: what they have
    not seen a whole turn of is left out (three years for the year)."""
    text: Columns = []
    """Words; the model sees which occur."""
    ignored: Columns = []
    """Never shown to the model: leaks, identifiers, columns filled after the event."""
    others: Literal["infer", "ignore"] = "infer"
    """What becomes of columns that are listed nowhere."""
    overrides: dict[str, Override] = {}
    """Rules by feature that the data does not say."""
    history: list[HistoryFeature] = []
    """Aggregates over past rows, by what was known at each row's own time."""

    @model_validator(mode="after")
    def _each_once(self) -> FeatureSection:
        seen: dict[str, str] = {}
        for kind in ("numeric", "categorical", "datetime", "text", "ignored"):
            for column in getattr(self, kind):
                if column in seen:
                    raise ValueError(f"column {column!r} is listed under {seen[column]} and {kind}: keep one")
                seen[column] = kind
        names = [feature.name for feature in self.history]
        repeated = {name for name in names if names.count(name) > 1}
        if repeated:
            raise ValueError(f"history features must have different names: {sorted(repeated)}")
        return self

    def kinds(self) -> dict[str, Kind]:
        """The declared kind of each listed column."""
        listed: tuple[Kind, ...] = ("numeric", "categorical", "datetime", "text", "ignored")
        return {column: kind for kind in listed for column in getattr(self, kind)}


class Split(Section):
    """How rows are held out: the newest when there is a time column, else at random."""

    method: Literal["auto", "time", "random"] = "auto"
    """`auto` is `time` where there is data.time, else `random`."""
    groups: str | None = None
    """Column whose equal values stay on one side (random split)."""
    test: Share = 0.2
    """Share of labelled rows that the scorecard and the gate judge on."""
    validation: Share = 0.2
    """Share of the rest that the search judges on."""
    longest: Duration | None = None
    """Test and validation rows each come from no longer a time than this, as far as it holds 2,000 of them (split by
    time), so that newer rows train. The gate tells less on fewer days; without it the share alone counts."""
    forget: bool = True
    """Train and judge on the rows since a break only, where what they teach foretells the newest training rows
    credibly better than what all rows teach (split by time)."""
    window: Duration | None = None
    """Train and judge on the newest rows only, this far back from `as_of`."""
    seed: int = 0
    """Seed of the random split."""

    @model_validator(mode="after")
    def _something_left(self) -> Split:
        if self.test + self.validation >= 0.9:
            raise ValueError("test and validation together leave less than a tenth of the rows to train on")
        return self


class LearnerChoice(Section):
    """One learner of the catalogue, with parameters that are then not searched."""

    name: str
    """Name in the catalogue."""
    params: dict[str, Any] = {}
    """Parameters of the learner, fixed."""


def _choices(value: object) -> object:
    if isinstance(value, list):
        return [{"name": one} if isinstance(one, str) else one for one in value]
    return value


class Search(Section):
    """The budget of the search; trials are deterministic, the time limit is a guard."""

    trials: int = Field(10, ge=1, le=10_000)
    """Candidates tried, one of each learner with its defaults first."""
    seconds: float | None = Field(None, gt=0)
    """Stop starting trials after this long; a search that it cuts short is recorded as such."""
    max_rows: int = Field(50_000, ge=100)
    """Search on at most this many rows (the newest, or a seeded sample); the final fit sees all."""
    seed: int = 0
    """Seed of the search and of every learner."""


class Thresholds(Section):
    """From which effect size on a column counts as drifted, by the method named."""

    numeric: float = Field(0.1, gt=0)
    """Wasserstein distance in standard deviations of the reference."""
    categorical: float = Field(0.1, gt=0)
    """Jensen-Shannon distance."""
    prediction: float = Field(0.1, gt=0)
    """The same, for the model's answers."""
    missing: float = Field(0.1, gt=0, le=1)
    """Rise of the share of missing values."""
    share: float = Field(0.3, gt=0, le=1)
    """Share of what the model goes by that may drift before the whole window counts as drifted."""
    loss: float = Field(0.1, gt=0)
    """Loss beyond what the rows' own difficulty explains, as a share of the release's own, that is an alarm when it
    is credible."""
    calibration: float = Field(0.05, gt=0)
    """Loss that answers wrong on average cost, as a share of the release's own, that is an alarm when credible."""


class Monitoring(Section):
    """When to look and when to worry."""

    window: Duration = Field(timedelta(days=7), json_schema_extra={"default": "1w"})
    """How much of the log one verdict judges."""
    min_rows: int = Field(50, ge=10)
    """Windows with fewer rows are not judged."""
    min_labels: int = Field(50, ge=10)
    """Windows with fewer labels get no performance verdict."""
    sample: int = Field(10_000, ge=100)
    """Evidently judges at most this many rows of a window."""
    thresholds: Thresholds = Thresholds()
    """Effect sizes from which to worry."""
    columns: dict[str, float] = {}
    """Thresholds of single columns, in the units of their kind."""
    memory: int = Field(30, ge=1, le=400)
    """Windows of the same release that evidence is gathered over."""
    false_alarm_every: Duration = Field(timedelta(days=730), json_schema_extra={"default": "730d"})
    """The tests are set so that chance alone raises an alarm no more often than this, on average."""


class Retraining(Section):
    """From verdicts to an action."""

    enabled: bool = True
    """False: verdicts are kept, and nothing is asked for."""
    dry_run: bool = False
    """True: what would be asked for is recorded, and nothing is trained."""
    on: list[Literal["performance", "calibration", "estimate", "prediction", "data", "quality"]] = [
        "performance",
        "calibration",
    ]
    """Kinds of verdict that ask for retraining: by an alarm, or, where they never alarm, by a warning."""
    every: Duration | None = None
    """Train again when the last training is this old, whatever the verdicts."""
    growth: float | None = Field(0.5, gt=0)
    """Train again when the labels have grown by this share since the champion's data ended. Since a challenger that
    lost: when as many have come as the gate said would settle it, between half of this and all of it; null: never."""
    budget: int = Field(12, ge=1)
    """Retrainings within 365 days; more need a person."""
    cooldown: Duration = Field(timedelta(days=7), json_schema_extra={"default": "1w"})
    """No second retraining within this time of the last one."""
    min_new_labels: int = Field(100, ge=0)
    """Labels that must have come since the last training, won or lost."""
    max_rejections: int = Field(3, ge=1)
    """Circuit breaker: after so many challengers rejected in a row an alarm asks again once a person has decided, or
    twice as many labels have come since the champion's data as the last challenger had. Regular trainings (`every`,
    `growth`, `schedule`) neither trip it nor are stopped by it."""
    schedule: CronText | None = None
    """A cron expression (minute, hour, day, month, weekday; UTC) for regular training, whatever the verdicts; cooldown
    and min_new_labels do not apply."""


class Rollout(Section):
    """How a challenger is tried beside the champion, and what ends the trial."""

    mode: Literal["shadow", "canary"]
    """shadow: scored and logged, never answered; canary: it answers a share of the rows."""
    share: float = Field(0.1, gt=0, le=1)
    """Of the rows."""
    key: str | None = None
    """Column by whose value rows stay with one release; default: the whole row."""
    max_errors: float = Field(0.01, ge=0, le=1)
    """Share of the challenger's answers that may fail beyond the champion's."""
    max_slowdown: float = Field(3.0, gt=1)
    """How many times the champion's time per row the challenger may take."""
    max_loss: float = Field(0.1, gt=0)
    """Relative rise of the loss over the champion's that ends the trial when it is credible."""


class Serving(Section):
    """Limits of the prediction service for this problem, and how a challenger is tried."""

    max_rows: int = Field(10_000, ge=1)
    """Rows per request."""
    explain_seconds: float = Field(2.0, gt=0, le=60)
    """Time that one explanation may take."""
    rollout: Rollout | None = None
    """Try every challenger so; a command may say otherwise. Default: challengers are not served."""


class Problem(Section):
    """A question, its data, and what counts as good enough."""

    name: Name
    """Small letters, digits, - and _: names the model, its folders and its route."""
    question: str = ""
    """What is asked, in one sentence."""
    owner: str = ""
    """Who answers for it."""
    task: Task | None = None
    """Inferred from the target when absent."""
    data: Data
    """The table."""
    features: FeatureSection = FeatureSection()
    """What the model sees."""
    split: Split = Split()
    """What is held out."""
    learners: Annotated[
        list[LearnerChoice], BeforeValidator(_choices, json_schema_input_type=list[str | LearnerChoice])
    ] = []
    """Names from the catalogue; none means those that suit the task and the size."""
    search: Search = Search()
    """How long to look for a better model."""
    good_enough: GoodEnough = GoodEnough()
    """When a candidate may be released."""
    monitoring: Monitoring = Monitoring()
    """When to worry."""
    retraining: Retraining = Retraining()
    """When to train again."""
    serving: Serving = Serving()
    """How it is served."""

    @model_validator(mode="after")
    def _consistent(self) -> Problem:
        if self.features.history and not self.data.time:
            raise ValueError("history features need data.time: without it nobody knows what was known when")
        if self.split.method == "time" and not self.data.time:
            raise ValueError("split.method: time needs data.time")
        target = self.data.target.column
        if self.features.kinds().get(target, "ignored") != "ignored":
            raise ValueError(f"the target {target!r} may not be a feature")
        allowed = {None: CLASSIFICATION_METRICS + REGRESSION_METRICS, "regression": REGRESSION_METRICS}
        metrics = allowed.get(self.task, CLASSIFICATION_METRICS)
        if self.good_enough.metric is not None and self.good_enough.metric not in metrics:
            raise ValueError(f"good_enough.metric {self.good_enough.metric!r} is none of {', '.join(metrics)}")
        return self

    @property
    def digest(self) -> str:
        """SHA-256 of the problem as read: comments and the order of keys do not count."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()

    def primary_metric(self, task: Task) -> str:
        """The metric that search and gate go by."""
        return self.good_enough.metric or ("rmse" if task == "regression" else "log_loss")
