"""What the sections of the problem file are made of: durations, shares, lists of columns, names of metrics."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

from pipelines.core.cron import Cron

Task = Literal["binary", "multiclass", "regression"]  # clustering, anomaly detection and ranking are still to come
Kind = Literal["numeric", "categorical", "datetime", "text", "ignored"]

CLASSIFICATION_METRICS = ("log_loss", "brier", "roc_auc", "accuracy", "precision", "recall", "f1")
REGRESSION_METRICS = ("rmse", "mae", "mse", "r2")
HIGHER_IS_BETTER = frozenset({"roc_auc", "accuracy", "precision", "recall", "f1", "r2"})

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def parse_duration(value: object) -> timedelta:
    """A duration written as a number and a unit: s, m (minutes), h, d or w.

    >>> parse_duration("36h")
    datetime.timedelta(days=1, seconds=43200)
    """
    if isinstance(value, timedelta):
        return value
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([smhdw])\s*", str(value))
    if match is None:
        raise ValueError(f"{value!r} is no duration: write a number and a unit, such as 30m, 6h, 7d or 4w")
    try:
        return timedelta(seconds=float(match[1]) * _UNITS[match[2]])
    except OverflowError:
        raise ValueError(f"{value!r} is longer than anything that can be told") from None


def write_duration(value: timedelta) -> str:
    """The shortest text that `parse_duration` reads back.

    >>> write_duration(timedelta(days=7)), write_duration(timedelta(minutes=90))
    ('1w', '90m')
    """
    seconds = value.total_seconds()
    for unit in ("w", "d", "h", "m"):
        if seconds and seconds % _UNITS[unit] == 0:
            return f"{int(seconds // _UNITS[unit])}{unit}"
    return f"{int(seconds)}s" if seconds.is_integer() else f"{seconds:f}".rstrip("0") + "s"


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration, json_schema_input_type=str),
    PlainSerializer(write_duration, return_type=str),
]


def _read_as_cron(value: str) -> str:
    Cron.parse(value)
    return value


CronText = Annotated[str, AfterValidator(_read_as_cron)]
Share = Annotated[float, Field(gt=0, lt=1)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]


def _one_or_many(value: object) -> object:
    return [value] if isinstance(value, str) else value


Columns = Annotated[list[str], BeforeValidator(_one_or_many, json_schema_input_type=str | list[str])]


class Section(BaseModel):
    """A part of the problem file: frozen, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)
