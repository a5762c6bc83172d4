"""Document: the model card and the datasheet of a release, put into its bundle before the manifest is written."""

from __future__ import annotations

from pathlib import Path

from pipelines.core.evaluation.rehearsal import Rehearsal
from pipelines.core.gate import Decision
from pipelines.core.scorecard import Scorecard
from pipelines.stores.bundles.bundle import Bundle
from pipelines.stores.data.tables import read_parquet


def document(
    into: Path,
    bundle: Bundle,
    card: Scorecard,
    decision: Decision,
    rehearsal: Rehearsal,
    datasheet: Path | None,
    actor: str,
    request: int | None,
) -> dict[str, Path]:
    """Write the cards of the staged `bundle` into the folder `into`; their paths by name.

    `actor` and `request` are told as facts: who asked for the training.
    """
    from pipelines.cards.model_card import write_cards  # matplotlib takes a second to import

    facts = bundle.release | {"actor": actor, "request": request}
    reference = read_parquet(bundle.reference_path)
    return write_cards(into, facts, bundle.problem, bundle.contract, card, decision, rehearsal, reference, datasheet)
