from __future__ import annotations

from typing import Any

import pytest

from benchmarks.serving.findings import Columnar, Findings, Start
from benchmarks.serving.floors import Floor, floors
from benchmarks.serving.rounds import Measured


def one(server: str, clients: int, cpu: float, rate: float = 100.0, rows: int = 1) -> Measured:
    return Measured(server, clients, rows, cpu, rate, 1.0, 2.0, 0.0, 1)


def findings(**more: Any) -> Findings:
    """A run in which every floor is met to the letter."""
    measured = [
        *(one("ratchet", 16, 0.1), one("mlflow", 16, 5.0, 10), one("hello", 16, 0.1 / 1.5)),
        *(one("mlserver-batching", 16, 2.0), one("bentoml", 16, 1.2, 50), one("generic", 16, 1.0, 100)),
        *(one("generic", 64, 1.0, 300), one("mlflow", 64, 5.0, 10), one("bentoml", 64, 1.0, 60)),
        *(one("ratchet", 1, 3.0, 80, rows=1000), one("mlflow", 1, 30.0, 10, rows=1000)),
    ]
    whole: dict[str, Any] = {
        "measured": measured,
        "starts": [Start("ratchet", "Ratchet", 2.0, 200.0, 200.0)],
        "columnar": [Columnar("arrow", 1000, 2.0, 3.0), Columnar("parquet", 1000, 2.0, 3.0)],
        "tail": (1.0, 3.0),
        "lone": (5.0, 7.5),
    }
    return Findings(**{**whole, **more})


def test_floors_are_met_to_the_letter() -> None:
    found = floors(findings())
    assert [floor.promise for floor in found if not floor.met and floor.found != pytest.approx(floor.wanted)] == []
    assert len(found) == 14


@pytest.mark.parametrize(
    ("promise", "worse"),
    [
        ("p99", {"tail": (1.0, 3.1)}),
        ("lone", {"lone": (5.0, 7.6)}),
        ("Arrow", {"columnar": [Columnar("arrow", 1000, 2.0, 3.1)]}),
        ("Parquet", {"columnar": [Columnar("parquet", 1000, 2.0, 3.1)]}),
        ("cold", {"starts": [Start("ratchet", "Ratchet", 2.1, 100.0, 100.0)]}),
        ("memory", {"starts": [Start("ratchet", "Ratchet", 1.0, 201.0, 201.0)]}),
    ],
)
def test_what_falls_short_is_said(promise: str, worse: dict[str, Any]) -> None:
    (found,) = [floor for floor in floors(findings(**worse)) if promise in floor.promise]
    assert found.met is False


def test_ours_has_to_beat_the_better_of_those_that_batch() -> None:
    measured = [one("ratchet", 16, 0.1), one("mlserver-batching", 16, 0.9), one("bentoml", 16, 3.0)]
    (best,) = [floor for floor in floors(findings(measured=measured)) if "best of" in floor.promise]
    assert best.found == pytest.approx(9.0)
    assert best.met is False


def test_a_peer_that_could_not_be_asked_leaves_its_floors_open() -> None:
    measured = [found for found in findings().measured if found.server != "mlflow"]
    open_ones = [floor.promise for floor in floors(findings(measured=measured)) if floor.met is None]
    assert len(open_ones) == 4
    assert all("mlflow" in promise for promise in open_ones)
    assert all(floor.met is None for floor in floors(Findings()))


def test_at_most_and_at_least_include_the_wanted() -> None:
    assert Floor("a", 2.0, 2.0).met
    assert Floor("a", 2.0, 2.0, at_most=True).met
    assert Floor("a", 2.0, 2.1).met
    assert not Floor("a", 2.0, 2.1, at_most=True).met
