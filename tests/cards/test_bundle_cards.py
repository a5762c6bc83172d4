from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipelines.cards.bundle_cards import bundled_cards, cards_made_now
from pipelines.stores.bundles.bundle import Bundle
from pipelines.stores.data.tables import write_parquet
from pipelines.stores.storage.files import write_json


def bundle(case: Any, folder: Path) -> Bundle:
    """The documents that cards are made from."""
    documents = folder / "ratchet"
    for name in ("problem", "contract", "decision", "rehearsal"):
        write_json(documents / f"{name}.json", getattr(case, name).model_dump(mode="json"))
    write_json(documents / "scorecard.json", case.card.model_dump(mode="json"))
    write_json(documents / "release.json", case.facts)
    write_parquet(case.reference, documents / "reference.parquet")
    return Bundle(folder, version=4)


def test_cards_are_made_from_a_bundle_without_them(make_case: Callable[..., Any], tmp_path: Path) -> None:
    opened = bundle(make_case("binary"), tmp_path / "bundle")
    assert bundled_cards(opened) == {}
    made = cards_made_now(opened, tmp_path / "cards")
    text = made["model_card.md"].read_text()
    assert "| Version | 4 |" in text
    assert "the same as in batch" in text


def test_the_cards_of_a_bundle_are_found_by_name(make_case: Callable[..., Any], tmp_path: Path) -> None:
    case = make_case("binary", full=False)
    opened = Bundle(tmp_path / "bundle")
    written = case.write(tmp_path / "bundle" / "ratchet" / "cards")
    assert bundled_cards(opened) == written
