from __future__ import annotations

import numpy as np
import pandas as pd

from pipelines.core.evaluation.subject import Subject


def made(rows: int = 10) -> Subject:
    frame = pd.DataFrame({"a": np.arange(float(rows)), "b": 1.0})
    p = np.linspace(0.1, 0.9, rows)
    scores = np.column_stack([1 - p, p])

    def ask(asked: pd.DataFrame) -> np.ndarray:
        return scores[asked["a"].to_numpy(dtype=int)]

    kinds = {"a": "numeric", "b": "numeric"}
    clusters = np.arange(rows) // 2
    return Subject("binary", "log_loss", ask, frame, kinds, np.zeros(rows), scores, clusters, ("no", "yes"))  # type: ignore[arg-type]


def test_a_sample_is_seeded_and_keeps_rows_together() -> None:
    subject = made()
    some = subject.sample(4)
    assert len(some) == 4
    assert some.frame["a"].tolist() == subject.sample(4).frame["a"].tolist()
    rows = some.frame["a"].to_numpy(dtype=int)
    assert (some.scores == subject.scores[rows]).all()
    assert some.clusters is not None
    assert (some.clusters == rows // 2).all()
    assert subject.sample(10) is subject


def test_several_tables_are_asked_about_at_once() -> None:
    subject = made()
    one, other = subject.ask_each([subject.frame[:3], subject.frame[5:]])
    assert (one == subject.scores[:3]).all()
    assert (other == subject.scores[5:]).all()


def test_answers_have_names() -> None:
    subject = made()
    assert list(subject.answers(subject.scores)) == ["probability of yes"]
    assert subject.names == ["a", "b"]
