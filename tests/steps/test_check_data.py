from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pipelines.core.settings import Settings
from pipelines.steps import check_data as step
from pipelines.steps.check_data import check_data, governing_contract
from pipelines.steps.evaluate import evaluate
from pipelines.steps.ingest import ingest
from pipelines.steps.release import release
from pipelines.stores.problems.problem_files import LoadedProblem, parse_problem

AS_OF = datetime(2026, 2, 1, tzinfo=UTC)
TEXT = "name: shops\ndata: {source: shops.csv, target: sold, time: at, key: id}\nfeatures: {numeric: [size]}\n"


def shops(folder: Path, extra: str = "", text: str = TEXT, **cells: dict[int, object]) -> LoadedProblem:
    """Sixty rows of a problem; `cells`: column -> row -> what stands there instead."""
    lines = ["id,at,size,colour,sold"]
    for row in range(60):
        values: dict[str, Any] = {"id": row, "at": f"2026-01-{1 + row // 2:02}", "size": row % 7, "colour": "red"}
        values |= {"sold": row % 5}
        values |= {name: changed[row] for name, changed in cells.items() if row in changed}
        lines.append(",".join(str(value) for value in values.values()))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "shops.csv").write_text("\n".join(lines) + "\n" + extra)
    path = folder / "shops.yaml"
    path.write_text(text)
    return LoadedProblem(parse_problem(text, path), text, path, folder)


@pytest.fixture
def known(settings: Settings, tmp_path: Path) -> Settings:
    """Settings of a home in which the contract of the first sixty rows is in force."""
    ingest(shops(tmp_path / "first"), settings, AS_OF)
    return settings


def test_before_the_first_ingest_there_is_nothing_to_break(settings: Settings, tmp_path: Path) -> None:
    found = check_data(shops(tmp_path), settings, AS_OF)
    assert (found.passed, found.rows, found.labelled, found.contract_digest) == (True, 60, 60, None)
    assert "nothing of this problem is in force yet" in found.against
    assert not settings.home.exists() or not list(settings.home.rglob("*"))


def test_good_rows_pass_and_news_are_told(known: Settings, tmp_path: Path) -> None:
    before = settings_files(known)
    found = check_data(shops(tmp_path / "new", colour={3: "teal"}, size={4: 99}), known, AS_OF)
    assert (found.passed, found.set_aside, found.findings) == (True, 0, [])
    assert [(one["column"], one["told"]) for one in found.unseen] == [
        ("size", "largest 99, seen were 0 to 6"),
        ("colour", "1 new value: teal"),
    ]
    assert found.against == "the contract in force here"
    assert settings_files(known) == before


def settings_files(settings: Settings) -> set[Path]:
    return {path for path in settings.home.rglob("*") if path.is_file()}


def test_rows_that_break_the_contract_are_counted_by_column(known: Settings, tmp_path: Path) -> None:
    spoiled = shops(tmp_path / "new", size={1: "many", 2: "few", 9: "inf"}, id={5: 4})
    found = check_data(spoiled, known, AS_OF)
    assert (found.passed, found.set_aside) == (False, 4)
    assert found.findings == ["6.7% of the rows break the contract, 5.0% may"]
    assert [(one["column"], one["rows"]) for one in found.reasons] == [("size", 3), ("id", 1)]
    assert "expected a number" in found.reasons[0]["example"]
    assert check_data(spoiled, known, AS_OF, most_set_aside=0.1).passed


def test_a_breaking_change_is_a_finding_unless_it_is_meant(known: Settings, tmp_path: Path) -> None:
    loaded = shops(tmp_path / "new", size=dict.fromkeys(range(60), "large"))
    found = check_data(loaded, known, AS_OF)
    assert (found.passed, found.schema_change["kind"]) == (False, "breaking")
    assert "column 'size' is no longer numeric" in found.findings[0]
    text = TEXT.replace("{numeric: [size]}", "{categorical: [size]}")
    meant = check_data(shops(tmp_path / "new", text=text, size=dict.fromkeys(range(60), "large")), known, AS_OF)
    assert (meant.passed, meant.schema_change["kind"]) == (True, "compatible")
    assert "column 'size' is categorical now, it was numeric" in meant.schema_change["messages"]


def test_a_column_that_is_gone_can_be_accepted(known: Settings, tmp_path: Path) -> None:
    loaded = shops(tmp_path / "new")
    table = tmp_path / "new" / "shops.csv"
    table.write_text(table.read_text().replace(",colour,", ",color,"))
    found = check_data(loaded, known, AS_OF)
    assert (found.passed, found.rows) == (False, 60)
    assert any("'colour' is missing" in one for one in found.findings)
    assert check_data(loaded, known, AS_OF, accept_schema=True).passed


def test_another_table_may_stand_for_the_source(known: Settings, tmp_path: Path) -> None:
    loaded = shops(tmp_path / "first")
    shops(tmp_path / "other", extra="77,2026-01-30,3,red,1\n")
    assert check_data(loaded, known, AS_OF, table=tmp_path / "other" / "shops.csv").rows == 61


def test_no_row_does_not_pass(known: Settings, tmp_path: Path) -> None:
    found = check_data(shops(tmp_path / "first"), known, datetime(2020, 1, 1, tzinfo=UTC))
    assert (found.passed, found.rows) == (False, 0)
    assert found.findings == ["there is no row up to 2020-01-01T00:00:00+00:00"]


@pytest.mark.slow
def test_a_machine_with_the_registry_alone_sees_the_champions_contract(
    toy: ModuleType, settings: Settings, tmp_path: Path
) -> None:
    run = toy.make_run(settings)
    evaluate(run.loaded, run.folder, None)
    released = release(run.loaded, settings, run.folder, run.ingested, toy.AS_OF)
    assert released.decision == "promote"
    elsewhere = settings.model_copy(update={"home": tmp_path / "elsewhere", "mlflow_uri": settings.tracking_uri})
    contract, told = governing_contract("trains", elsewhere)
    assert told == "the contract of champion 1"
    table = tmp_path / "trains.csv"
    toy.trains_table(200, 3).to_csv(table, index=False)
    loaded = replace(run.loaded, folder=tmp_path)
    found = step.check_data(loaded, elsewhere, toy.AS_OF, table=table)
    assert contract is not None
    assert (found.passed, found.contract_digest) == (True, contract.digest)
