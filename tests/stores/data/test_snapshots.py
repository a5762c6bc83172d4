"""Snapshots, in a real DVC repository."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading

import numpy as np
import pandas as pd
import pytest

from pipelines.core.errors import NotFound
from pipelines.core.settings import Settings
from pipelines.stores.data.snapshots import content_digest, restore, store
from pipelines.stores.data.tables import read_parquet

FRAME = pd.DataFrame(
    {
        "a": [1.0, np.nan, -0.0],
        "b": ["x", None, "ü"],
        "c": np.array([True, None, False], dtype=object),
        "t": np.array(["2013-01-01", "NaT", "2013-01-02"], dtype="M8[us]"),
    }
)


def _dvc(settings: Settings, *words: str) -> str:
    command = [sys.executable, "-m", "dvc", *words]
    return subprocess.run(command, cwd=settings.data_root, check=True, capture_output=True, text=True).stdout


def test_a_snapshot_is_stored_once_tracked_and_pushed(settings: Settings) -> None:
    first = store(FRAME, "x", settings)
    stamp = first.path.stat().st_mtime_ns
    assert store(FRAME.copy(), "x", settings) == first
    assert first.path.stat().st_mtime_ns == stamp
    assert first.path == settings.data_root / "data" / "x" / f"{first.id[:16]}.parquet"
    pd.testing.assert_frame_equal(read_parquet(first.path), FRAME)
    assert "up to date" in _dvc(settings, "status")
    assert "in sync" in _dvc(settings, "status", "--cloud")


def test_a_lost_file_comes_back_from_the_remote(settings: Settings) -> None:
    one, two = store(FRAME, "x", settings), store(FRAME.head(2), "x", settings)
    content = one.path.read_bytes()
    one.path.unlink()
    shutil.rmtree(settings.data_root / ".dvc" / "cache")
    assert restore(one.id, "x", settings).read_bytes() == content
    assert two.path.exists()
    with pytest.raises(NotFound, match="snapshot 0000000000000000 of 'x' is neither"):
        restore("0" * 64, "x", settings)


def test_two_at_once_are_both_kept(settings: Settings) -> None:
    frames = [FRAME.assign(a=float(one)) for one in range(3)]
    threads = [threading.Thread(target=store, args=(frame, "x", settings)) for frame in frames]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    listed = _dvc(settings, "list", ".", "data/x", "--dvc-only")
    assert all(content_digest(frame)[:16] in listed for frame in frames)


def test_the_digest_is_of_the_content_alone() -> None:
    digest = content_digest(FRAME)
    assert content_digest(FRAME.assign(a=[1.0, np.nan, 0.0])) == digest
    assert content_digest(FRAME.set_axis([7, 8, 9])) == digest
    for other in (
        FRAME.iloc[::-1],
        FRAME[["b", "a", "c", "t"]],
        FRAME.rename(columns={"a": "z"}),
        FRAME.assign(b=["x", "", "ü"]),
        FRAME.assign(b=["xü", None, ""]),
        FRAME.assign(c=["true", None, "false"]),
        FRAME.head(2),
    ):
        assert content_digest(other) != digest


def test_a_digest_once_given_stays() -> None:
    """Ids are written down in registries: a change of this value orphans them."""
    assert content_digest(FRAME) == "d5544c874ddd0b1693563795fc5513beb304f72fb1e8a6918cc2112b62f355a1"
