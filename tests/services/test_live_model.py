"""A release serves only when everything about it fits; then it answers as the pipeline does."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipelines.core.contract import check, check_rows
from pipelines.core.errors import ModelFileError
from pipelines.core.scoring import model_input, score
from pipelines.core.settings import Settings
from pipelines.stores.bundles.bundle import Bundle
from pipelines.stores.bundles.release_info import ReleaseInfo
from services.prediction.live_model import LiveModel, load_live, merge, select


def info_of(name: str, digest: str = "") -> ReleaseInfo:
    return ReleaseInfo(name, 3, "run", "", digest, "key")


@pytest.fixture
def loaded(loans: Any, tmp_path: Path) -> LiveModel:
    digest = loans.bundle(tmp_path / "bundle")
    return load_live(tmp_path / "bundle", info_of("loans", digest), tmp_path / "history")


def test_answers_are_those_of_the_pipeline_on_the_table(loaded: LiveModel, loans: Any, sendable: Any) -> None:
    frame = loans.frame.drop(columns=["repaid", "id"])
    table = check(loaded.contract, frame).frame
    rows = sendable(frame)
    checked = check_rows(loaded.contract, [dict(reversed(list(row.items()))) for row in rows])
    assert checked.issues == ()
    found, history = loaded.score(checked.columns, np.full(len(rows), np.datetime64("2024-01-01", "us")))
    np.testing.assert_array_equal(found, score(loaded.pipeline, "binary", table))
    assert history is None


def test_history_is_joined_at_the_moment_of_the_row(trips: Any, shop: Any, tmp_path: Path) -> None:
    digest = trips.bundle(tmp_path / "bundle")
    model = load_live(tmp_path / "bundle", info_of("trips", digest), shop.settings.history("trips"))
    table = check(model.contract, trips.frame).frame
    times = table["at"].to_numpy()
    joined = model_input(table, trips.index, times)
    checked = check_rows(model.contract, trips.rows(len(trips.frame)))
    found, history = model.score(checked.columns, times)
    np.testing.assert_array_equal(found, score(model.pipeline, "regression", joined))
    assert history is not None
    np.testing.assert_array_equal(history["minutes_1d"], joined["minutes_1d"].to_numpy())


def test_without_its_history_a_release_does_not_serve(trips: Any, tmp_path: Path, settings: Settings) -> None:
    digest = trips.bundle(tmp_path / "bundle")
    with pytest.raises(ModelFileError, match="ratchet materialise trips"):
        load_live(tmp_path / "bundle", info_of("trips", digest), settings.history("trips"))


def test_a_history_that_lacks_a_feature_is_refused(trips: Any, shop: Any, tmp_path: Path) -> None:
    digest = trips.bundle(tmp_path / "bundle")
    model = load_live(tmp_path / "bundle", info_of("trips", digest), shop.settings.history("trips"))
    wanted = model.definition.features.history[0].model_copy(update={"name": "other"})
    features = model.definition.features.model_copy(update={"history": [wanted]})
    other = dataclasses.replace(model, definition=model.definition.model_copy(update={"features": features}))
    with pytest.raises(ModelFileError, match="lacks the features other"):
        other.with_history(shop.settings.history("trips"))


def test_a_damaged_bundle_is_refused_before_it_is_read(loans: Any, tmp_path: Path) -> None:
    digest = loans.bundle(tmp_path / "bundle")
    model = tmp_path / "bundle" / "model.skops"
    model.write_bytes(model.read_bytes()[:-1] + b"x")
    with pytest.raises(ModelFileError, match=r"model\.skops"):
        load_live(tmp_path / "bundle", info_of("loans", digest), tmp_path)


def test_a_bundle_of_another_model_or_problem_is_refused(loans: Any, tmp_path: Path) -> None:
    digest = loans.bundle(tmp_path / "bundle")
    with pytest.raises(ModelFileError, match="registered with model"):
        load_live(tmp_path / "bundle", info_of("loans", "f" * 64), tmp_path)
    with pytest.raises(ModelFileError, match="not of houses"):
        load_live(tmp_path / "bundle", info_of("houses", digest), tmp_path)


def test_a_release_that_fails_its_probe_is_refused(loans: Any, tmp_path: Path, spoiled: Any) -> None:
    digest = loans.bundle(tmp_path / "bundle")
    spoiled(tmp_path / "bundle")
    assert Bundle.open(tmp_path / "bundle").release["model_digest"] == digest
    with pytest.raises(ModelFileError, match="probe"):
        load_live(tmp_path / "bundle", info_of("loans", digest), tmp_path)


def test_merged_rows_follow_one_another() -> None:
    assert merge([{"a": [1]}, {"a": [2, 3]}]) == {"a": [1, 2, 3]}


def test_rows_are_merged_and_selected_alike_as_lists_and_as_arrays() -> None:
    merged = merge([{"a": [1.0], "b": ["x"]}, {"a": np.array([2.0, 3.0]), "b": ["y", None]}])
    assert [list(merged[name]) for name in ("a", "b")] == [[1.0, 2.0, 3.0], ["x", "y", None]]
    chosen = select(merged, np.array([0, 2]))
    assert [list(chosen[name]) for name in ("a", "b")] == [[1.0, 3.0], ["x", None]]
