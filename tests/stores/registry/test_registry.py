from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipelines.core.errors import ModelFileError, NotFound, Unavailable
from pipelines.core.settings import Settings
from pipelines.stores.bundles.bundle import write_bundle
from pipelines.stores.registry.registry import DatasetFacts, Registry
from pipelines.stores.storage.files import digest_file


def bundle(folder: Path, content: str = "model") -> Path:
    folder.mkdir(parents=True)
    (folder / "model.skops").write_text(content)
    (folder / "sub").mkdir()
    (folder / "sub" / "ä b.txt").write_text(content)
    write_bundle(folder, {"release.json": {"problem": "trains"}}, {})
    return folder


def release(registry: Registry, folder: Path, run_key: str) -> int:
    run = registry.start_run("trains", run_key)
    return registry.register("trains", run, bundle(folder / run_key, run_key), f"digest-{run_key}", run_key)


def test_a_run_is_found_by_its_key(settings: Settings) -> None:
    registry = Registry(settings)
    run = registry.start_run("trains", "k1")
    assert registry.start_run("trains", "k1") == run
    assert registry.start_run("trains", "k2") != run
    assert registry.start_run("others", "k1") != run
    assert Registry(settings).start_run("trains", "k1") == run


def test_everything_is_logged_once(settings: Settings, tmp_path: Path) -> None:
    registry = Registry(settings)
    run = registry.start_run("trains", "k")
    files = bundle(tmp_path / "files")
    params = {f"p{number}": "x" * 10_000 for number in range(150)}
    metrics = {f"m{number}": number / 7 for number in range(1500)}
    dataset = DatasetFacts("trains", "ab" * 32, "/data/trains.parquet", 42)
    for value in ("first", "second"):
        registry.log(run, params, metrics, {"tag": value}, files, dataset, at=1000.5)
    logged = registry._client.get_run(run)
    assert len(logged.data.params) == 150
    assert len(logged.data.metrics) == 1500
    assert logged.data.metrics["m7"] == 1.0
    assert logged.data.tags["tag"] == "first"
    assert logged.info.status == "FINISHED"
    assert [one.dataset.digest for one in logged.inputs.dataset_inputs] == [("ab" * 32)[:36]]
    assert {one.path for one in registry._client.list_artifacts(run)} >= {"model.skops", "manifest.json"}


def test_a_version_is_found_by_its_run_key_and_its_bundle_comes_back(settings: Settings, tmp_path: Path) -> None:
    registry = Registry(settings)
    assert release(registry, tmp_path, "k1") == 1
    run = registry.start_run("trains", "k1")
    assert registry.register("trains", run, tmp_path / "k1", "digest-k1", "k1") == 1
    assert release(registry, tmp_path, "k2") == 2
    found = registry.release("trains", 1)
    assert (found.version, found.run_id, found.digest, found.run_key) == (1, run, "digest-k1", "k1")
    assert found.source.startswith(settings.artifacts.as_uri())
    assert [one.version for one in registry.releases("trains")] == [2, 1]
    assert (registry.problems(), registry.releases("nobody")) == (["trains"], [])
    fetched = registry.fetch(found, tmp_path / "into")
    assert {one.relative_to(fetched) for one in fetched.rglob("*")} == {
        one.relative_to(tmp_path / "k1") for one in (tmp_path / "k1").rglob("*")
    }
    assert digest_file(registry.fetch(found, tmp_path / "into") / "model.skops") == digest_file(
        tmp_path / "k1" / "model.skops"
    )
    assert [one.name for one in tmp_path.iterdir() if one.name.startswith(".")] == []


def test_aliases_move_and_go(settings: Settings, tmp_path: Path) -> None:
    registry = Registry(settings)
    assert registry.champion("trains") is None
    for key in ("k1", "k2"):
        release(registry, tmp_path, key)
    assert registry.champion("trains") is None
    registry.set_alias("trains", "champion", 1)
    registry.set_alias("trains", "champion", 2)
    registry.set_alias("trains", "challenger", 1)
    champion = registry.champion("trains")
    assert champion is not None
    assert (champion.version, champion.aliases) == (2, ("champion",))
    assert {one.version: one.aliases for one in registry.releases("trains")} == {2: ("champion",), 1: ("challenger",)}
    registry.drop_alias("trains", "challenger")
    registry.drop_alias("trains", "challenger")
    assert registry.by_alias("trains", "challenger") is None


def test_what_is_not_there_is_said(settings: Settings, tmp_path: Path) -> None:
    registry = Registry(settings)
    release(registry, tmp_path, "k1")
    with pytest.raises(NotFound, match="trains has no version 7"):
        registry.release("trains", 7)
    with pytest.raises(NotFound):
        registry.set_alias("trains", "champion", 7)
    with pytest.raises(NotFound):
        registry.release("nobody", 1)


def test_a_bundle_that_was_tampered_with_is_not_fetched_nor_registered(settings: Settings, tmp_path: Path) -> None:
    registry = Registry(settings)
    release(registry, tmp_path, "k1")
    for file in settings.artifacts.rglob("model.skops"):
        file.write_text("evil")
        write_bundle(file.parent, {}, {})  # a manifest that fits, but is not the one registered
    with pytest.raises(ModelFileError, match="was replaced"):
        registry.fetch(registry.release("trains", 1), tmp_path / "into")
    assert not (tmp_path / "into").exists()
    half = bundle(tmp_path / "half")
    (half / "model.skops").write_text("changed")
    with pytest.raises(ModelFileError, match="not what was released"):
        registry.register("trains", registry.start_run("trains", "k2"), half, "d", "k2")


def test_a_bundle_that_is_gone_is_said(settings: Settings, tmp_path: Path) -> None:
    registry = Registry(settings)
    release(registry, tmp_path, "k1")
    for file in [one for one in settings.artifacts.rglob("*") if one.is_file()]:
        file.unlink()
    with pytest.raises((ModelFileError, NotFound, Unavailable)):
        registry.fetch(registry.release("trains", 1), tmp_path / "into")


def test_nothing_is_printed_and_nothing_lies_about(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    registry = Registry(settings)
    version = release(registry, tmp_path, "k1")
    registry.log(registry.start_run("trains", "k1"), {"a": 1}, {"b": 2.0}, {}, tmp_path / "k1")
    registry.fetch(registry.release("trains", version), tmp_path / "into")
    assert capfd.readouterr() == ("", "")
    assert list((tmp_path / "here").iterdir()) == []
    import mlflow

    assert mlflow.get_tracking_uri() != settings.tracking_uri  # no global state was set


def test_a_registry_that_does_not_answer_is_unavailable(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    away = settings.model_copy(update={"mlflow_uri": "http://127.0.0.1:9"})
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1:9"):
        Registry(away).champion("trains")
    (tmp_path / "text.db").write_text("no database" * 100)
    broken = settings.model_copy(update={"mlflow_uri": f"sqlite:///{tmp_path / 'text.db'}"})
    with pytest.raises(Unavailable, match=r"text\.db"):
        Registry(broken).champion("trains")


def test_importing_the_registry_imports_no_mlflow() -> None:
    code = "import sys, pipelines.stores.registry.registry; sys.exit('mlflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_calls_are_cheap(settings: Settings, tmp_path: Path) -> None:
    """Once MLflow is imported a whole release costs a fraction of a second; the limit catches a change of order."""
    registry = Registry(settings)
    registry.champion("trains")
    started = time.perf_counter()
    release(registry, tmp_path, "k1")
    registry.log(registry.start_run("trains", "k1"), {"a": 1}, {"b": 2.0}, {"c": "d"}, tmp_path / "k1")
    registry.set_alias("trains", "champion", 1)
    assert time.perf_counter() - started < 5
