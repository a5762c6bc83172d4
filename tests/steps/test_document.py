from __future__ import annotations

from pathlib import Path
from types import ModuleType

from pipelines.core.evaluation.rehearsal import Rehearsal
from pipelines.core.settings import Settings
from pipelines.steps.document import document
from pipelines.steps.evaluate import evaluate
from pipelines.stores.bundles.bundle import Bundle
from pipelines.stores.releases.release_files import stage_bundle


def test_the_cards_say_who_asked(toy: ModuleType, settings: Settings, tmp_path: Path) -> None:
    run = toy.make_run(settings)
    card, decision = toy.judged(run, None, evaluate)
    staged = Bundle(stage_bundle(run.loaded, run.folder, toy.lineage(run), card))
    skipped = Rehearsal(rows=0, wrong=0, largest=None, tolerance=0.0, skipped="a test")
    found = document(tmp_path / "cards", staged, card, decision, skipped, None, "Ada", 7)
    assert set(found) >= {"model_card.html", "model_card.md"}
    assert all(path.is_file() for path in found.values())
    assert "Ada, request 7" in found["model_card.md"].read_text()
