"""What is compared is asked in turns, and the medians are told."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from benchmarks.serving import apart
from benchmarks.serving.apart import Pace, bare_json, columnar_costs, lone_client, tail
from benchmarks.serving.load import read_bodies
from benchmarks.serving.ours import ratchet
from benchmarks.serving.release import Release
from benchmarks.serving.servers import Load, NotServing, Running, Server


@dataclass
class _Answering:
    """Answers as fast as it is told to."""

    server: Server
    loads: list[Load]
    asked: list[Any] = field(default_factory=list)

    def load(self, clients: int, seconds: float, rows: int = 1, rate: float | None = None) -> Load:
        if "parquet" in self.server.name:
            raise NotServing("no Parquet here")
        self.asked.append((clients, rows, rate))
        return self.loads[len(self.asked) % len(self.loads)]


def _answering(release: Release, *loads: Load) -> Running:
    return cast(Running, _Answering(ratchet(release, "k"), list(loads)))


def test_the_tail_is_asked_for_at_a_share_of_the_peak_of_the_moment(release: Release) -> None:
    peak, scheduled = Load(1_000, 1.0, 0.5, [1.0]), Load(700, 1.0, 0.5, [1.0, 2.0, 9.0])
    one = _answering(release, scheduled, peak)
    assert tail(one, Pace(rounds=3)) == (2.0, pytest.approx(9.0, rel=0.05))
    assert cast(Any, one).asked == [(16, 1, None), (16, 1, 700.0)] * 3


def test_what_does_not_keep_up_has_no_tail(release: Release) -> None:
    assert tail(_answering(release, Load(500, 1.0, 0.5, [1.0]), Load(1_000, 1.0, 0.5, [1.0])), Pace(rounds=1)) is None


def test_tables_are_measured_in_turns_and_formats_not_served_left_out(
    release: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apart, "PLACE", tmp_path)
    costs = iter([4.0, 6.0, 5.0] * 4)
    monkeypatch.setattr(apart, "_in_process", lambda release, plan: {"table_ms": next(costs)})
    found = columnar_costs(_answering(release, Load(100, 1.0, 0.8, [])), release, Pace(rounds=3))
    assert [(one.format, one.rows) for one in found] == [("arrow", 1_000), ("arrow", 10_000)]
    assert (found[0].in_process_ms, found[0].service_ms) == (5.0, pytest.approx(8.0))


def test_a_lone_client_is_set_beside_the_same_row_in_process(release: Release, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart, "_in_process", lambda release, plan: {"lone_ms": 4.0 if plan["lone"] else None})
    assert lone_client(_answering(release, Load(1, 1.0, 0.1, [6.0, 6.5, 7.0])), release, Pace(rounds=2)) == (4.0, 6.5)


def test_json_is_read_without_a_model_for_its_bodies_of_a_thousand_rows(
    release: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apart, "PLACE", tmp_path)
    costs = iter([3.0, 9.0, 4.0])
    monkeypatch.setattr(apart, "_in_process", lambda release, plan: {"json_ms": next(costs)})
    assert bare_json(ratchet(release, "k"), release, Pace(rounds=3)) == 4.0
    bodies = read_bodies(tmp_path / "json-1000.bin")
    assert {len(json.loads(body)["instances"]) for body in bodies} == {1_000}
