from __future__ import annotations

import pytest

from pipelines.core.errors import Unavailable
from pipelines.core.settings import Settings
from pipelines.stores.data.snapshot_marks import open_marks, remote_url


def test_a_mark_is_read_by_another_machine(settings: Settings) -> None:
    shared = settings.model_copy(update={"data_remote": str(settings.home.parent / "shared")})
    assert (remote_url(settings), remote_url(shared)) == (str(settings.home / "remote"), shared.data_remote)
    marks = open_marks(shared)
    assert marks.md5("x", "ab") is None
    marks.put("x", "ab", "123")
    other = open_marks(shared.model_copy(update={"home": settings.home.parent / "other"}))
    assert (other.md5("x", "ab"), other.md5("y", "ab"), open_marks(settings).md5("x", "ab")) == ("123", None, None)


def test_a_damaged_mark_is_told(settings: Settings) -> None:
    marks = open_marks(settings)
    marks.put("x", "ab", "123")
    (settings.home / "remote" / "snapshots" / "x" / "ab.json").write_text("{")
    with pytest.raises(Unavailable, match=r"ab\.json .* is damaged"):
        marks.md5("x", "ab")
