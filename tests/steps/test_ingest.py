"""Ingest: from the source to a Snapshot that keeps the Contract, and a quarantine; DVC is real."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML

from pipelines.core.errors import ContractError, NotEnoughData
from pipelines.core.settings import Settings
from pipelines.steps.ingest import Ingested, ingest
from pipelines.stores.data.snapshots import content_digest
from pipelines.stores.data.tables import read_parquet
from pipelines.stores.problems.contracts import read_contract
from pipelines.stores.problems.problem_files import load_problem
from pipelines.stores.storage.files import write_json

AS_OF = datetime(2013, 3, 1, tzinfo=UTC)


def _frame(rows: int = 120) -> pd.DataFrame:
    random = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "id": np.arange(rows) * 3,
            "when": pd.date_range("2013-01-01", periods=rows, freq="12h"),
            "size [m²]": random.normal(10, 2, rows).round(3),
            'sh"op': random.choice(["a", "b", "c"], rows),
            "empty": None,
            "y": random.choice(["no", "yes"], rows),
        }
    )


def _ingest(
    folder: Path, settings: Settings, frame: pd.DataFrame, accept_schema: bool = False, **more: Any
) -> Ingested:
    frame.to_csv(folder / "table.csv", index=False)
    data = {"source": "table.csv", "target": "y", **more.pop("data", {})}
    with (folder / "x.yaml").open("w") as file:
        YAML().dump({"name": "x", "data": data, **more}, file)
    return ingest(load_problem(str(folder / "x.yaml")), settings, AS_OF, accept_schema)


def test_the_same_source_gives_the_same_snapshot_in_any_order(tmp_path: Path, settings: Settings) -> None:
    first = _ingest(tmp_path, settings, _frame())
    assert _ingest(tmp_path, settings, _frame()) == first
    assert _ingest(tmp_path, settings, _frame().sample(frac=1, random_state=1)).snapshot == first.snapshot
    assert _ingest(tmp_path, settings, _frame().head(100)).snapshot != first.snapshot
    snapshot = read_parquet(Path(first.path))
    assert content_digest(snapshot) == first.snapshot
    assert (first.rows, first.labelled, first.quarantined, first.quarantine_path) == (120, 120, 0, None)
    assert set(snapshot) == {"id", "when", "size [m²]", 'sh"op', "y"}
    write_json(tmp_path / "ingested.json", asdict(first))


def test_rows_that_break_the_contract_are_set_aside_with_the_reason(tmp_path: Path, settings: Settings) -> None:
    more: dict[str, Any] = {
        "data": {"key": "id", "time": "when"},
        "features": {"overrides": {"size [m²]": {"minimum": 0}}},
    }
    _ingest(tmp_path, settings, _frame(), **more)
    dirty = _frame().astype({"size [m²]": object})
    dirty.loc[3, "size [m²]"] = "broken"
    dirty.loc[4, "size [m²]"] = -1
    dirty.loc[5, "when"] = pd.NaT
    dirty.loc[6, "id"] = dirty.loc[7, "id"]
    ingested = _ingest(tmp_path, settings, dirty, **more)
    assert (ingested.rows, ingested.quarantined) == (115, 4)  # one row of the 120 is later than AS_OF
    assert ingested.quarantine_path is not None
    quarantine = read_parquet(Path(ingested.quarantine_path))
    assert sorted(quarantine["reason"]) == [
        "id: the key is repeated",
        "size [m²]: -1 is less than the minimum 0",
        "size [m²]: expected a number, got 'broken'",
        "when: the time is missing",
    ]
    assert set(quarantine) == {*dirty, "reason"}
    assert "rows set aside: **4**" in Path(ingested.datasheet_path).read_text()


def test_the_contract_is_inferred_once_and_enforced_after(tmp_path: Path, settings: Settings) -> None:
    first = _ingest(tmp_path, settings, _frame())
    later = _ingest(tmp_path, settings, _frame().assign(**{"size [m²]": 1e6, "new": 1}))
    assert later.contract_digest == first.contract_digest
    assert later.schema_change["kind"] == "compatible"
    assert "new" not in read_parquet(Path(later.path))
    changed = _ingest(tmp_path, settings, _frame(), features={"ignored": ['sh"op']})
    assert changed.contract_digest != first.contract_digest
    assert read_contract(Path(first.contract_path)).digest == first.contract_digest


def test_a_breaking_change_stops_until_a_person_accepts_it(tmp_path: Path, settings: Settings) -> None:
    first = _ingest(tmp_path, settings, _frame())
    broken = _frame().drop(columns="size [m²]")
    with pytest.raises(ContractError, match=r"column 'size \[m²\]' is missing.*--accept-schema"):
        _ingest(tmp_path, settings, broken)
    assert _ingest(tmp_path, settings, _frame()) == first
    accepted = _ingest(tmp_path, settings, broken, accept_schema=True)
    assert accepted.schema_change["kind"] == "breaking"
    assert _ingest(tmp_path, settings, broken).schema_change["kind"] == "none"


def test_nothing_left_is_said(tmp_path: Path, settings: Settings) -> None:
    later = {"data": {"time": "when"}}
    with pytest.raises(NotEnoughData, match="has no row up to"):
        _ingest(tmp_path, settings, _frame().assign(when="2014-01-01"), **later)
    _ingest(tmp_path, settings, _frame(), data={"key": "id"})
    with pytest.raises(NotEnoughData, match="all 120 rows break the contract; the first one: id: a part of the key"):
        _ingest(tmp_path, settings, _frame().assign(id=None), data={"key": "id"})
