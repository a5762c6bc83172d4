"""The text of drafts: any name is read back, and facts stand beside the columns."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from pipelines.core.drafting import Draft, DraftedColumn, draft
from pipelines.core.leaks import Suspicion
from pipelines.core.problem import Kind, Problem
from pipelines.steps.draft_text import write_problem

RNG = np.random.default_rng(0)
ODD = [
    *(
        "no",
        "yes",
        "null",
        "~",
        "123",
        "1e3",
        "2013-01-01",
        "a [b]",
        "{a}",
        "a, b",
        "a: b",
        "#a",
        "- a",
        "&a",
        "*a",
    ),
    *(
        "!a",
        "%a",
        "@a",
        "`a",
        "|",
        ">",
        "?",
        "'",
        '"',
        "it's",
        "  lead",
        "trail ",
        "日本",
        "ü ö",
        "🦉",
        "a\nb",
        "a\tb",
    ),
    *("<<", "=", "\\", "a" * 200, "a  b", "x" * 60 + " " + "y" * 60),
]


def written(drafted: Draft) -> Problem:
    return Problem.model_validate(YAML(typ="rt").load(write_problem(drafted, "x", "x.csv", "x.csv")))


NAMES = st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=8, unique=True)
TRICKY = st.lists(st.sampled_from(ODD), min_size=1, max_size=70, unique=True)


@settings(max_examples=150)
@given(NAMES | TRICKY, st.sampled_from(["numeric", "categorical", "datetime", "text", "ignored"]), st.booleans())
@example(["\x85", "\u2028", "\ufeff", "\x00", "\x7f", ""], "numeric", True)
def test_any_name_is_read_back(names: list[str], kind: Kind, suspect: bool) -> None:
    columns = [DraftedColumn(name, kind, "facts", Suspicion(name, "why", 1.0) if suspect else None) for name in names]
    made = Draft(
        target="".join(names) + "!",
        target_facts="facts",
        task="binary",
        time=None,
        key=names[0] + "?",
        columns=tuple(columns),
        rows=1000,
        labelled=1000,
        time_candidates=tuple(columns),
    )
    problem = written(made)
    assert getattr(problem.features, kind) == names
    assert (problem.data.target.column, problem.data.key) == (made.target, [made.key])


def test_the_wide_table_is_short_and_loads() -> None:
    names = [*(f"feature number {n}" for n in range(1500)), *ODD]
    columns = [DraftedColumn(name, "numeric", "0 to 1") for name in names]
    leak = DraftedColumn("told you: so", "categorical", "", Suspicion("told you: so", "alone", 1.0))
    made = Draft("y", "facts", "binary", None, None, (*columns, leak), 200, 200)
    text = write_problem(made, "wide", "wide.csv", "wide.csv")
    assert len(text.splitlines()) < 350
    assert '# "told you: so": LEAK? alone' in text
    assert written(made).features.numeric == names


def test_facts_stand_beside_the_columns() -> None:
    frame = pd.DataFrame(
        {
            "id": np.arange(100) + 5,
            "age": RNG.integers(18, 80, 100),
            "seen at": pd.date_range("2024-01-01", periods=100),
            "paid": [1, 0] * 50,
            "target": [True, False] * 50,
        }
    )
    text = write_problem(draft(frame, "target"), "x", "x.csv", "x.csv")
    assert "task: binary" in text
    assert "key: id  #" in text
    assert "  # time: seen at  # 2024-01-01 to 2024-04-09: if predictions are asked for at this moment" in text
    assert "- paid  # 0 to 1; LEAK? alone it predicts the target almost perfectly" in text
    assert "# search: {trials: 10" in text
    assert "time: seen at  # the newest rows" in write_problem(draft(frame, "target", "seen at"), "x", "x.csv", "x")


def test_the_commented_defaults_are_valid_when_uncommented() -> None:
    for time in (None, "when"):
        made = Draft("y", "facts", "regression", time, None, (DraftedColumn("a", "numeric", "facts"),), 500, 500)
        text = write_problem(made, "x", "x.csv", "x.csv")
        head, defaults = text.split("# These are the defaults")
        keys = "\n".join(line.removeprefix("# ") for line in defaults.splitlines()[1:])
        Problem.model_validate(YAML().load(head + keys))


@pytest.mark.parametrize(("labels", "test"), [(50, 0.4), (80, 0.3), (200, 0.2)])
def test_small_tables_hold_out_enough_to_decide(labels: int, test: float) -> None:
    made = Draft("y", "facts", "binary", None, None, (DraftedColumn("a", "numeric", "facts"),), 300, labels)
    problem = written(made)
    assert problem.split.test == test
    assert problem.good_enough.min_labels <= labels * test


def test_the_positive_class_is_written_where_it_is_not_the_last_one() -> None:
    answer = np.where(np.arange(90) % 3 == 0, "churned: yes", "stayed")
    drafted = draft(pd.DataFrame({"x": RNG.normal(size=90), "y n": answer}), "y n")
    target = written(drafted).data.target
    assert (target.column, target.positive) == ("y n", "churned: yes")


def test_too_few_labels_for_any_decision_are_told() -> None:
    text = write_problem(draft(pd.DataFrame({"x": RNG.normal(size=20), "y": RNG.normal(size=20)}), "y"), *["x"] * 3)
    assert "test: 0.4  # too few labels: the gate needs 20 that were held out, so about 50 in all" in text


def test_a_window_is_long_enough_to_be_judged() -> None:
    days = pd.date_range("2020-01-01", periods=300, freq="D")
    frame = pd.DataFrame({"at": days.delete(slice(50, 200)), "x": RNG.normal(size=150), "y": RNG.normal(size=150)})
    drafted = draft(frame, "y", "at")
    assert drafted.a_week == 7
    text = write_problem(drafted, "x", "x.csv", "x.csv")
    assert "window: 9w  # about 7 rows a week: a window needs 50 to be judged" in text
    assert written(drafted).monitoring.window == pd.Timedelta(weeks=9)
    assert "# monitoring:" not in text
    often = frame.assign(at=pd.date_range("2020-01-01", periods=150, freq="h"))
    assert draft(often, "y", "at").a_week is None  # less than a week
    assert "# monitoring:" in write_problem(draft(often, "y", "at"), "x", "x.csv", "x.csv")
