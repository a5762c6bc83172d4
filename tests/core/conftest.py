"""A small table with columns of every kind, and its contract, for the tests of features, learners and models."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_limits

from pipelines.core.problem import Task
from pipelines.core.schema import Column, Contract

Made = tuple[pd.DataFrame, np.ndarray, Contract]

COLUMNS = (
    Column(name="size", kind="numeric"),
    Column(name="gap [m²]", kind="numeric"),
    Column(name="empty", kind="numeric"),
    Column(name="constant", kind="numeric"),
    Column(name="colour", kind="categorical", seen=["blue", "red"]),
    Column(name="nothing", kind="categorical", seen=[]),
    Column(name="town", kind="categorical", seen=[f"town {n}" for n in range(60)]),
    Column(name="at", kind="datetime"),
    Column(name="note", kind="text"),
)


def make_table(task: Task, rows: int = 240, seed: int = 0) -> Made:
    """Rows with missing values everywhere, a history column `past`, labels `y`, and the contract."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "size": rng.normal(size=rows),
            "gap [m²]": np.where(rng.random(rows) < 0.2, np.nan, rng.lognormal(size=rows)),
            "empty": np.nan,
            "constant": 3.0,
            "colour": pd.Series(rng.choice(np.array(["red", "blue", None], dtype=object), rows), dtype=object),
            "nothing": pd.Series([None] * rows, dtype=object),
            "town": pd.Series(rng.choice([f"town {n}" for n in range(60)], rows), dtype=object),
            "at": np.datetime64("2013-01-01", "us") + rng.integers(0, 9000, rows) * np.timedelta64(3_600_000_000, "us"),
            "note": pd.Series([" ".join(rng.choice(["late", "fog", "snow", "calm"], 4)) for _ in range(rows)]),
            "past": np.where(rng.random(rows) < 0.1, np.nan, rng.random(rows)),
        }
    )
    frame.loc[0, ["colour", "town", "note"]] = None
    frame.loc[0, "at"] = pd.NaT
    value = frame["size"].to_numpy() * 2 + (frame["colour"] == "red") + rng.normal(size=rows)
    y = {"regression": value, "binary": (value > 0).astype(float), "multiclass": np.digitize(value, [-1.0, 1.0])}[task]
    y = np.asarray(y, dtype=np.float64)
    classes = {"regression": None, "binary": ["no", "yes"], "multiclass": ["a", "b", "c", "d", "never"]}[task]
    if task == "multiclass":
        y[0] = 3.0  # a class with one member
    kind = None if task == "regression" else "text"
    return frame, y, Contract(problem="toy", task=task, target="y", classes=classes, class_type=kind, columns=COLUMNS)


@pytest.fixture(scope="session")
def make() -> Callable[..., Made]:
    """`make_table`: test folders are no packages, so it comes as a fixture."""
    return make_table


@pytest.fixture(scope="session", autouse=True)
def one_thread_for_linear_algebra() -> Iterator[None]:
    """As in training: sums depend on the number of threads, and small tables gain nothing from more."""
    with threadpool_limits({"blas": 1, "openmp": 1}):
        yield
