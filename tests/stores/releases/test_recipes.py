from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pipelines.core.errors import NotFound
from pipelines.core.settings import Settings
from pipelines.stores.bundles.bundle import Bundle
from pipelines.stores.decisions.ledger import Entry, Ledger
from pipelines.stores.releases.recipes import read_recipe, release_entry
from pipelines.stores.storage.files import write_json

AT = datetime(2026, 1, 10, tzinfo=UTC)
FULL: dict[str, Any] = {
    "run_key": "k1",
    "snapshot": "s1",
    "as_of": "2026-01-09T00:00:00+00:00",
    "problem_text": "name: x\n",
    "contract": {"problem": "x"},
    "model_digest": "d1",
    "code": {"digest": "c1"},
    "learner": "linear",
    "params": {"C": 1.0},
    "predictions": {"rows": 3, "digest": "p1"},
}


@pytest.fixture
def ledger(settings: Settings) -> Iterator[Ledger]:
    settings.home.mkdir(parents=True)
    opened = Ledger(settings.database)
    yield opened
    opened.close()


def record(ledger: Ledger, key: str, evidence: dict[str, Any], version: int = 1, kind: str = "release") -> Entry:
    return ledger.record(
        key, at=AT, problem="x", kind=kind, outcome="promote", version=version, reasons=[], evidence=evidence
    )


def no_bundle() -> Bundle:
    raise AssertionError("the ledger holds it all")


def test_a_recipe_is_read_from_the_ledger_alone(ledger: Ledger) -> None:
    found = read_recipe(record(ledger, "a", FULL), no_bundle)
    assert found.from_ledger
    assert (found.snapshot, found.problem_text, found.model_digest, found.version) == ("s1", "name: x\n", "d1", 1)
    assert found.as_of == datetime(2026, 1, 9, tzinfo=UTC)
    assert (found.tables, found.manifest, found.contract_digest) == ({}, "", "")  # not stated: empty


def test_an_older_entry_is_completed_by_its_bundle(ledger: Ledger, tmp_path: Path) -> None:
    documents = tmp_path / "bundle" / "ratchet"
    stated = {"as_of": "2026-01-10T00:00:00+00:00", "params": {"C": 2.0}, "model_digest": "another"}
    write_json(documents / "release.json", stated)
    write_json(documents / "contract.json", {"problem": "x"})
    (documents / "problem.yaml").write_text("name: x\n")
    entry = record(ledger, "old", {"snapshot": "s1", "model_digest": "d1", "run_key": "k1"})
    found = read_recipe(entry, lambda: Bundle(tmp_path / "bundle"))
    assert not found.from_ledger
    assert (found.problem_text, found.params, found.as_of) == ("name: x\n", {"C": 2.0}, AT)
    assert found.model_digest == "d1"  # the ledger's word goes before the bundle's


def test_the_newest_release_of_a_version_counts(ledger: Ledger) -> None:
    record(ledger, "a", FULL)
    record(ledger, "b", FULL | {"run_key": "k2"})
    record(ledger, "c", {}, kind="override")
    record(ledger, "d", FULL | {"run_key": "k3"}, version=2)
    assert release_entry(ledger, "x", 1).key == "b"
    with pytest.raises(NotFound, match="no release 7 of x"):
        release_entry(ledger, "x", 7)
