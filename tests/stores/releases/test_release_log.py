from __future__ import annotations

from types import ModuleType

from pipelines.core.settings import Settings
from pipelines.steps.evaluate import evaluate
from pipelines.stores.releases.release_log import measured


def test_every_number_of_a_card_has_a_name_and_what_is_undefined_has_none(toy: ModuleType, settings: Settings) -> None:
    card, _ = toy.judged(toy.make_run(settings), None, evaluate)
    found = measured(card)
    assert found["test_log_loss_low"] <= found["test_log_loss"] <= found["test_log_loss_high"]
    assert found["baseline_roc_auc"] == 0.5
    assert "baseline_precision" not in found or found["baseline_precision"] >= 0
    assert 0 <= found["calibration_error"] <= 1
    assert not any(name.startswith(("champion_", "gain_")) for name in found)
