from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipelines.stores.logbook.id_filter import make_filter, may_hold
from pipelines.stores.logbook.prediction_ids import make_ids


@given(st.lists(st.text(), unique=True), st.lists(st.text(), unique=True))
def test_what_was_put_in_always_passes(held: list[str], others: list[str]) -> None:
    assert may_hold(make_filter(held), held) == held
    assert set(may_hold(make_filter(held), others)) <= set(others)


def test_hardly_any_other_id_passes() -> None:
    kept = make_filter(make_ids(5_000).texts)
    assert len(kept) == 10_000
    assert len(may_hold(kept, make_ids(20_000).texts)) < 40  # 12 are to be expected
    assert may_hold(kept, []) == []
