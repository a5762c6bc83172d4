"""The cards of a release that lies in a bundle: those that were made with it, or made from its documents now."""

from __future__ import annotations

from pathlib import Path

from pipelines.cards.model_card import PAGES, write_cards
from pipelines.core.evaluation.rehearsal import Rehearsal
from pipelines.core.gate import Decision
from pipelines.core.scorecard import Scorecard
from pipelines.stores.bundles.bundle import CARDS, DOCUMENTS, Bundle
from pipelines.stores.data.tables import read_parquet
from pipelines.stores.storage.files import read_json


def bundled_cards(bundle: Bundle) -> dict[str, Path]:
    """The cards within the bundle by name, as `write_cards` names them; nothing where it was made without."""
    folder = bundle.folder / DOCUMENTS / CARDS
    if not all((folder / name).is_file() for name in PAGES.values()):
        return {}
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path for path in found}


def cards_made_now(bundle: Bundle, folder: Path) -> dict[str, Path]:
    """The cards of a bundle that was made without, in `folder`, from what the bundle holds."""
    documents = bundle.folder / DOCUMENTS
    rehearsed = documents / "rehearsal.json"
    return write_cards(
        folder,
        bundle.release | {"version": bundle.version},
        bundle.problem,
        bundle.contract,
        Scorecard.model_validate(bundle.scorecard),
        Decision.model_validate(bundle.decision),
        Rehearsal.model_validate(read_json(rehearsed)) if rehearsed.exists() else None,
        read_parquet(bundle.reference_path),
    )
