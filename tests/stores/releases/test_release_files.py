from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from pipelines.core.errors import ModelFileError
from pipelines.core.settings import Settings
from pipelines.steps.evaluate import evaluate
from pipelines.stores.bundles.bundle import Bundle
from pipelines.stores.releases.release_files import labelled_span, make_bundle
from pipelines.stores.storage.files import digest_file, read_json, write_json


def test_a_bundle_is_made_once_per_run_and_mended_when_damaged(toy: ModuleType, settings: Settings) -> None:
    run = toy.make_run(settings)
    card, decision = toy.judged(run, None, evaluate)
    made = make_bundle(run.loaded, run.folder, toy.lineage(run), card, decision)
    first = digest_file(made / "manifest.json")
    assert digest_file(make_bundle(run.loaded, run.folder, toy.lineage(run), card, decision) / "manifest.json") == first
    (made / "model.skops").write_bytes(b"")
    make_bundle(run.loaded, run.folder, toy.lineage(run), card, decision)
    Bundle.open(made).check_probe()
    other = make_bundle(run.loaded, run.folder, toy.lineage(run, "r2"), card, decision)
    assert Bundle.open(other).release["run_id"] == "r2"
    assert not (run.folder / ".bundle").exists()


def test_the_facts_are_those_of_the_rows(toy: ModuleType, settings: Settings) -> None:
    run = toy.make_run(settings)
    card, decision = toy.judged(run, None, evaluate)
    facts = Bundle.open(make_bundle(run.loaded, run.folder, toy.lineage(run), card, decision)).release
    rows = pd.read_parquet(run.folder / "features.parquet")
    assert pd.Timestamp(facts["data_until"]).tz_localize(None) == rows["__time"].max()
    assert pd.Timestamp(facts["trained_until"]).tz_localize(None) == rows["__time"][rows["__side"] != "test"].max()
    assert (facts["labels"], facts["rows"], facts["trained_rows"]) == (600, 600, 480)
    assert (facts["history"], facts["classes"], facts["learner"]) == (["rate"], ["false", "true"], "linear")


def test_a_model_that_is_not_the_one_judged_is_not_released(toy: ModuleType, settings: Settings) -> None:
    run = toy.make_run(settings)
    card, decision = toy.judged(run, None, evaluate)
    trained = read_json(run.folder / "trained.json")
    write_json(run.folder / "trained.json", {**trained, "digest": "0" * 64})
    with pytest.raises(ModelFileError, match="is expected"):
        make_bundle(run.loaded, run.folder, toy.lineage(run), card, decision)
    assert not (run.folder / "bundle").exists()


def test_a_release_is_compiled_proven_and_says_so(toy: ModuleType, settings: Settings) -> None:
    run = toy.make_run(settings)
    card, decision = toy.judged(run, None, evaluate)
    bundle = Bundle.open(make_bundle(run.loaded, run.folder, toy.lineage(run), card, decision))
    serving = bundle.release["serving"]
    held_out = len(pd.read_parquet(bundle.reference_path))
    assert (serving["compiled"], serving["kernel"], serving["tolerance"]) == (True, "linear", 1e-9)
    assert serving["rows"] > held_out
    assert serving["largest_difference"] <= 1e-12
    assert bundle.compiled is not None
    assert bundle.plain_because is None
    assert "ratchet/compiled.json" in read_json(bundle.folder / "manifest.json")


def test_a_release_that_cannot_be_compiled_says_why(
    toy: ModuleType, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = toy.make_run(settings)
    card, decision = toy.judged(run, None, evaluate)
    monkeypatch.setattr(
        "pipelines.core.compilation.compiled.FORMAT", 2
    )  # as if the plan's writer and its reader differed
    bundle = Bundle.open(make_bundle(run.loaded, run.folder, toy.lineage(run), card, decision))
    assert bundle.release["serving"]["compiled"] is False
    assert "format" in bundle.release["serving"]["reason"]
    assert bundle.compiled is None
    assert bundle.plain_because == bundle.release["serving"]["reason"]
    assert not (bundle.folder / "ratchet" / "compiled.json").exists()
    bundle.check_probe()


def test_labels_are_counted_since_a_break_but_never_few(tmp_path: Path) -> None:
    rows = pd.DataFrame({"__time": pd.date_range("2024-01-01", periods=5000, freq="h"), "__y": 1.0})
    for older, labels in ((0, 5000), (1000, 4000), (4500, 2000)):
        rows["__side"] = np.repeat(["older", "train", "test"], [older, 4900 - older, 100])
        rows.to_parquet(tmp_path / "features.parquet")
        span = labelled_span(tmp_path)
        assert span.labels == labels
        assert span.trained_since == rows["__time"][older].isoformat() + "+00:00"
