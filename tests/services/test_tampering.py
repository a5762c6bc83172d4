"""Whoever gets at artifacts or registry puts nothing into service: refused with the reason, the old one serves."""

from __future__ import annotations

import json
import shutil
import sqlite3
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from pipelines.core.errors import ModelFileError, SourceError
from pipelines.core.settings import Settings
from pipelines.stores.bundles.release_info import MANIFEST_DIGEST
from pipelines.stores.bundles.signing import SIGNATURE, create_keys
from pipelines.stores.registry.registry import Registry
from pipelines.stores.registry.registry_reader import open_reader
from pipelines.stores.releases.champions import open_release
from pipelines.stores.storage.files import digest_file
from services.prediction.champions import Champions
from services.prediction.metrics import Metrics

Refuse = Callable[..., str]


@pytest.fixture
def opened() -> Iterator[Callable[[Settings], Champions]]:
    all_of_them: list[Champions] = []

    def make(settings: Settings) -> Champions:
        champions = Champions(settings, open_reader(settings), Metrics())
        all_of_them.append(champions)
        return champions

    yield make
    for champions in all_of_them:
        champions.close()


@pytest.fixture
def refuse(shop: Any, loans: Any, opened: Any) -> Refuse:
    """Promotes a release that `spoil` has changed in the artifact store; why it is refused."""

    def promote(spoil: Callable[[Path, int], None], before: Callable[[Path], None] | None = None) -> str:
        champions = opened(shop.settings)
        champions.refresh()
        version = shop.release(loans, 0.01, before)
        source = Path(shop.registry.release("loans", version).source.removeprefix("file://"))
        spoil(source, version)
        shop.promote(loans, version)
        champions.refresh()
        assert champions.live("loans").info.version == 1, "the old release serves on"
        assert champions.live("loans").score is not None
        refused = champions.refused("loans")
        assert refused is not None
        assert refused.version == version
        return str(refused.reason)

    return promote


def rewrite_manifest(folder: Path) -> None:
    """What somebody does who knows how bundles are made."""
    digests = json.loads((folder / "manifest.json").read_text())
    digests = {name: digest_file(folder / name) for name in digests if (folder / name).exists()}
    (folder / "manifest.json").write_text(json.dumps(digests))


def append(path: Path, content: bytes = b"x") -> None:
    with path.open("ab") as file:
        file.write(content)


def test_a_changed_model_file(refuse: Refuse) -> None:
    assert "model.skops" in refuse(lambda folder, _: append(folder / "model.skops"))


def test_a_changed_contract(refuse: Refuse) -> None:
    assert "contract.json" in refuse(lambda folder, _: append(folder / "ratchet" / "contract.json", b" "))


def test_a_changed_file_with_a_manifest_to_match(refuse: Refuse) -> None:
    def spoil(folder: Path, _: int) -> None:
        append(folder / "model.skops")
        rewrite_manifest(folder)

    assert "not the manifest that the registry knows" in refuse(spoil)


def test_compiled_trees_that_were_replaced(refuse: Refuse) -> None:
    def compile_it(folder: Path) -> None:
        (folder / "ratchet" / "trees.txt").write_text("tree")
        digests = json.loads((folder / "manifest.json").read_text())
        (folder / "manifest.json").write_text(json.dumps(digests | {"ratchet/trees.txt": ""}))
        rewrite_manifest(folder)

    assert "trees.txt" in refuse(lambda folder, _: append(folder / "ratchet" / "trees.txt"), compile_it)


def test_a_model_file_with_a_type_that_is_not_ours(refuse: Refuse, tmp_path: Path) -> None:
    """Registered in good order, so that only the trusted types stand in its way; it would write a file."""
    trace = tmp_path / "it-ran"

    def plant(folder: Path) -> None:
        path = folder / "model.skops"
        with zipfile.ZipFile(path) as archive:
            schema = json.loads(archive.read("schema.json"))
            others = {name: archive.read(name) for name in archive.namelist() if name != "schema.json"}
        call = {
            "__class__": "system",
            "__module__": "os",
            "__loader__": "FunctionNode",
            "__id__": 1,
            "content": {"function": "system", "module_path": "os"},
        }
        reduced = {**call, "content": {"args": f"touch {trace}"}, "__reduce__": call, "__loader__": "ReduceNode"}
        schema["content"] = {**schema.get("content", {}), "planted": reduced} if "content" in schema else reduced
        schema.update({key: reduced[key] for key in ("__class__", "__module__", "__loader__")})
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("schema.json", json.dumps(schema))
            for name, content in others.items():
                archive.writestr(name, content)
        rewrite_manifest(folder)

    reason = refuse(lambda folder, _: None, plant)
    assert not trace.exists()
    assert reason


def test_a_pickle_in_the_models_place(refuse: Refuse, tmp_path: Path) -> None:
    import pickle

    trace = tmp_path / "it-ran"

    class Hostile:
        def __reduce__(self) -> Any:
            return (Path.touch, (trace,))

    def plant(folder: Path) -> None:
        (folder / "model.skops").write_bytes(pickle.dumps(Hostile()))
        rewrite_manifest(folder)

    assert refuse(lambda folder, _: None, plant)
    assert not trace.exists()


def test_a_version_without_a_bundle(refuse: Refuse) -> None:
    assert "not there" in refuse(lambda folder, _: shutil.rmtree(folder))


def test_a_manifest_that_leads_outside(refuse: Refuse) -> None:
    def plant(folder: Path) -> None:
        digests = json.loads((folder / "manifest.json").read_text())
        (folder / "manifest.json").write_text(json.dumps(digests | {"../../../etc/passwd": "0" * 64}))

    def spoil(folder: Path, _: int) -> None:
        plant(folder)

    assert "manifest" in refuse(spoil)


def change_tags(settings: Settings, version: int, changes: dict[str, str]) -> None:
    """Somebody has the registry in their hands."""
    path = settings.tracking_uri.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path)) as connection, connection:
        for key, value in changes.items():
            connection.execute(
                "UPDATE model_version_tags SET value = ? WHERE name = 'loans' AND version = ? AND key = ?",
                (value, version, key),
            )


@pytest.fixture
def signed(shop: Any, loans: Any, tmp_path: Path) -> tuple[Settings, int]:
    """Settings that verify, and a signed champion."""
    private, public = create_keys(tmp_path / "keys")
    settings = shop.settings.model_copy(update={"verify_key": public})
    shop._registry = Registry(shop.settings.model_copy(update={"signing_key": private}))
    version = shop.release(loans, 0.5)
    shop.promote(loans, version)
    return settings, version


def test_signed_releases_serve_and_others_are_refused(shop: Any, loans: Any, opened: Any, signed: Any) -> None:
    settings, version = signed
    champions = opened(settings)
    champions.refresh()
    assert champions.live("loans").info.version == version
    assert "not signed" in champions.refused("trips").reason
    shop._registry = None
    unsigned = shop.release(loans, 0.02)
    shop.promote(loans, unsigned)
    champions.refresh()
    assert champions.live("loans").info.version == version
    assert "not signed" in champions.refused("loans").reason
    with pytest.raises(ModelFileError, match="not signed"):
        open_release(settings, shop.registry, shop.registry.release("loans", unsigned))
    open_release(settings, shop.registry, shop.registry.release("loans", version))


def test_a_registry_in_strange_hands(shop: Any, loans: Any, opened: Any, signed: Any) -> None:
    """Bundle, manifest and the registry's digests all replaced: only the signature tells."""
    settings, version = signed
    champions = opened(settings)
    champions.refresh()
    theirs = shop.release(loans, 0.03)
    source = Path(shop.registry.release("loans", theirs).source.removeprefix("file://"))
    append(source / "ratchet" / "contract.json", b" ")
    rewrite_manifest(source)
    change_tags(settings, theirs, {MANIFEST_DIGEST: digest_file(source / "manifest.json")})
    shop.promote(loans, theirs)
    champions.refresh()
    assert champions.live("loans").info.version == version
    assert "signature" in champions.refused("loans").reason
    borrowed = shop.registry.release("loans", version).tags[SIGNATURE]
    change_tags(settings, theirs, {SIGNATURE: borrowed})
    again = opened(settings)
    again.refresh()
    assert "does not fit" in again.refused("loans").reason


def test_a_key_that_cannot_be_read_is_told_at_start(shop: Any, tmp_path: Path) -> None:
    settings = shop.settings.model_copy(update={"verify_key": tmp_path / "none.pem"})
    reader = open_reader(settings)
    with pytest.raises(SourceError, match="RATCHET_VERIFY_KEY"):
        Champions(settings, reader, Metrics())
    reader.close()
