from __future__ import annotations

import json
from types import ModuleType
from typing import Any

import pytest

from pipelines.core.evaluation.rehearsal import Rehearsal
from pipelines.core.settings import Settings
from pipelines.steps.evaluate import evaluate
from pipelines.stores.bundles.release_info import MANIFEST_DIGEST, ReleaseInfo
from pipelines.stores.bundles.signing import SIGNATURE
from pipelines.stores.releases.release_evidence import release_evidence
from pipelines.stores.releases.release_files import make_bundle
from pipelines.stores.storage.files import digest_file, read_json

SKIPPED = Rehearsal(rows=0, wrong=0, largest=None, tolerance=0.0, skipped="a test")


@pytest.fixture
def found(toy: ModuleType, settings: Settings) -> tuple[Any, dict[str, Any]]:
    run = toy.make_run(settings)
    card, decision = toy.judged(run, None, evaluate)
    bundle = make_bundle(run.loaded, run.folder, toy.lineage(run), card, decision)
    tags = {MANIFEST_DIGEST: digest_file(bundle / "manifest.json"), SIGNATURE: "signed"}
    info = ReleaseInfo("trains", 1, "r1", "", card.digest, run.folder.name, tags=tags)
    return run, release_evidence(run.loaded, run.folder, toy.lineage(run), card, decision, SKIPPED, info)


def test_it_holds_what_it_takes_to_make_the_release_again(found: tuple[Any, dict[str, Any]]) -> None:
    run, facts = found
    assert json.loads(json.dumps(facts, allow_nan=False)) == facts
    assert facts["problem_text"] == run.loaded.text
    assert facts["problem_digest"] == run.loaded.problem.digest
    assert facts["contract"] == read_json(run.folder / "contract.json")
    assert facts["as_of"] == "2024-06-01T00:00:00+00:00"
    assert (facts["snapshot"], facts["snapshot_rows"]) == (run.ingested.snapshot, 600)
    assert (facts["learner"], facts["params"]) == ("linear", {"C": 1.0})
    assert set(facts["code"]) == {"commit", "clean", "version", "digest", "libraries"}
    assert facts["search"] == {"rows": 480}


def test_it_holds_what_came_of_it_to_the_bit(found: tuple[Any, dict[str, Any]]) -> None:
    run, facts = found
    assert facts["model_digest"] == read_json(run.folder / "trained.json")["digest"]
    assert facts["manifest"] == digest_file(run.folder / "bundle" / "manifest.json")
    assert facts["signature"] == "signed"
    assert set(facts["tables"]) == {"prepared", "features"}
    assert facts["predictions"]["rows"] == 120
    assert len(facts["predictions"]["digest"]) == len(facts["tables"]["features"]) == 64


def test_it_holds_what_was_decided_and_on_what(found: tuple[Any, dict[str, Any]]) -> None:
    _, facts = found
    assert (facts["gate"], facts["path"], facts["change"]) == ("promote", "first", None)
    assert {check["name"] for check in facts["checks"]} >= {"labels", "baseline"}
    assert facts["rehearsal"]["skipped"] == "a test"
    assert facts["metrics"]["log_loss"]["value"] > 0
