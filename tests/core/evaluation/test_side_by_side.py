from __future__ import annotations

import numpy as np

from pipelines.core.evaluation.side_by_side import FEWEST_SLICE_ROWS, lay_side_by_side
from pipelines.core.metrics import metric_names


def duel(rows: int = 2000) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Labels, scores of a model that knows little and of one that knows more, and a slice where it is turned round."""
    source = np.random.default_rng(4)
    signal, group = source.normal(size=rows), source.choice(["a", "b"], rows)
    y = (source.random(rows) < 1 / (1 + np.exp(-2 * signal))).astype(float)
    weak, strong = 1 / (1 + np.exp(-0.5 * signal)), 1 / (1 + np.exp(-2 * signal))
    second = np.where(group == "a", strong, 1 - strong)
    return y, np.column_stack([1 - weak, weak]), np.column_stack([1 - second, second]), group


def test_a_gain_and_a_loss_are_told_apart_by_slice() -> None:
    y, first, second, group = duel()
    found = lay_side_by_side("binary", "roc_auc", y, first, second, slices={"group": group})
    assert [one.metric for one in found.metrics] == list(metric_names("binary"))
    assert {one.value: one.credible for one in found.slices} == {"a": None, "b": "first"}  # alike in order, in a
    by_loss = lay_side_by_side("binary", "log_loss", y, first, second, slices={"group": group})
    assert {one.value: one.credible for one in by_loss.slices} == {"a": "second", "b": "first"}
    assert sum(one.rows for one in by_loss.slices) == by_loss.rows == len(y)


def test_turned_round_the_gain_changes_its_sign() -> None:
    y, first, second, _ = duel(400)
    one, other = (
        lay_side_by_side("binary", "brier", y, first, second),
        lay_side_by_side("binary", "brier", y, second, first),
    )
    for there, back in zip(one.metrics, other.metrics, strict=True):
        assert there.gain.difference == -back.gain.difference
        assert {"first": "second", "second": "first", None: None}[there.credible] == back.credible


def test_a_model_beside_itself_gains_nothing() -> None:
    y, first, _, group = duel(300)
    found = lay_side_by_side("binary", "log_loss", y, first, first, slices={"group": group})
    assert {one.gain.difference for one in [*found.metrics, *found.slices]} == {0.0}
    assert {one.credible for one in [*found.metrics, *found.slices]} == {None}


def test_small_slices_are_left_out_and_clusters_widen() -> None:
    y, first, second, _ = duel(400)
    place = np.where(np.arange(400) < FEWEST_SLICE_ROWS - 1, "few", "many")
    days = np.arange(400) // 20
    alone = lay_side_by_side("binary", "log_loss", y, first, second, slices={"place": place})
    clustered = lay_side_by_side("binary", "log_loss", y, first, second, slices={"place": place}, clusters=days)
    assert [one.value for one in alone.slices] == [one.value for one in clustered.slices] == ["many"]
    assert "clusters" in clustered.notes[0]
    assert "clusters" not in alone.notes[0]
