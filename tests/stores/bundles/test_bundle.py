from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

import pytest

from pipelines.core.errors import ModelFileError
from pipelines.core.settings import Settings
from pipelines.steps.evaluate import evaluate
from pipelines.stores.bundles.bundle import Bundle, probe_frame, verify, write_bundle
from pipelines.stores.releases.release_files import make_bundle
from pipelines.stores.storage.files import digest_file, read_json, write_json

AT = datetime(2024, 6, 1, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A bundle with files, but without a model in it."""
    (tmp_path / "model.skops").write_bytes(b"model")
    documents = {"release.json": {"run_id": "r"}, "problem.yaml": "name: x\n"}
    write_bundle(tmp_path, documents, {"copy.bin": tmp_path / "model.skops"})
    return tmp_path


def test_every_file_is_in_the_manifest(folder: Path) -> None:
    names = set(read_json(folder / "manifest.json"))
    assert names == {"model.skops", "ratchet/release.json", "ratchet/problem.yaml", "ratchet/copy.bin"}
    bundle = Bundle.open(folder, 3, digest_file(folder / "manifest.json"))
    assert (bundle.version, bundle.release) == (3, {"run_id": "r"})
    assert bundle.reference_path == folder / "ratchet" / "reference.parquet"


@pytest.mark.parametrize("name", ["model.skops", "ratchet/release.json"])
def test_a_changed_or_missing_file_is_refused_by_name(folder: Path, name: str) -> None:
    with (folder / name).open("ab") as file:
        file.write(b" ")
    with pytest.raises(ModelFileError, match=f"{name} is not what was released"):
        Bundle.open(folder)
    (folder / name).unlink()
    with pytest.raises(ModelFileError, match=f"{name} is missing"):
        Bundle.open(folder)


def test_a_bundle_that_was_replaced_as_a_whole_is_refused(folder: Path) -> None:
    known = digest_file(folder / "manifest.json")
    (folder / "model.skops").write_bytes(b"another model")
    write_bundle(folder, {}, {})
    verify(folder)
    with pytest.raises(ModelFileError, match="was replaced"):
        verify(folder, known)


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"\xff\xfe", b'{"a": "b"}'])
def test_a_damaged_manifest_is_no_bundle(folder: Path, content: bytes) -> None:
    (folder / "manifest.json").write_bytes(content)
    with pytest.raises(ModelFileError, match="damaged"):
        Bundle.open(folder)


@pytest.mark.parametrize("name", ["../outside", "/etc/hostname", "ratchet/../../outside"])
def test_a_manifest_may_not_point_outside(folder: Path, name: str) -> None:
    digests = read_json(folder / "manifest.json")
    write_json(folder / "manifest.json", {**digests, name: "0" * 64})
    with pytest.raises(ModelFileError, match="outside the bundle"):
        verify(folder)


def test_a_missing_document_or_folder_is_said(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"lacks ratchet/scorecard\.json"):
        _ = Bundle.open(folder).scorecard
    with pytest.raises(ModelFileError, match=r"manifest\.json cannot be read"):
        Bundle.open(tmp_path / "nowhere")


def test_the_probe_goes_the_way_of_a_request_and_finds_another_model(toy: ModuleType, settings: Settings) -> None:
    run = toy.make_run(settings)
    card, decision = toy.judged(run, None, evaluate)
    bundle = Bundle.open(make_bundle(run.loaded, run.folder, toy.lineage(run), card, decision))
    bundle.check_probe()
    frame = probe_frame(bundle.contract, bundle.probe)
    assert frame.iloc[-1].isna().all()  # a row with no values at all is among them
    assert set(bundle.probe.rows[0]) == {"at", "rain", "noise", "line"}
    probe = read_json(bundle.folder / "ratchet" / "probe.json")
    probe["scores"][0][0] += 1e-6
    write_bundle(bundle.folder, {"probe.json": probe}, {})
    with pytest.raises(ModelFileError, match="answers its own probe rows wrongly"):
        Bundle.open(bundle.folder).check_probe()
    opened = Bundle.open(bundle.folder)
    assert opened.compiled is None
    assert "answers the probe wrongly" in (opened.plain_because or "")
    broken = {**probe, "rows": [{"rain": "wet"}], "history": {"rate": [None]}, "scores": [[0.5, 0.5]]}
    write_bundle(bundle.folder, {"probe.json": broken}, {})
    with pytest.raises(ModelFileError, match="probe row 0 breaks the contract: rain"):
        Bundle.open(bundle.folder).check_probe()


def test_a_model_of_another_digest_is_not_handed_out(toy: ModuleType, settings: Settings) -> None:
    run = toy.make_run(settings)
    card, decision = toy.judged(run, None, evaluate)
    made = make_bundle(run.loaded, run.folder, toy.lineage(run), card, decision)
    facts = read_json(made / "ratchet" / "release.json")
    write_bundle(made, {"release.json": {**facts, "model_digest": "0" * 64}}, {})
    with pytest.raises(ModelFileError, match="is expected"):
        _ = Bundle.open(made).pipeline


@pytest.fixture
def released(toy: ModuleType, settings: Settings) -> Bundle:
    """A real bundle with a compiled form."""
    run = toy.make_run(settings)
    card, decision = toy.judged(run, None, evaluate)
    return Bundle.open(make_bundle(run.loaded, run.folder, toy.lineage(run), card, decision))


def test_the_compiled_form_answers_the_probe_without_pandas(released: Bundle) -> None:
    code = (
        "import sys; from pathlib import Path; from pipelines.stores.bundles.bundle import Bundle; "
        f"bundle = Bundle.open(Path({str(released.folder)!r})); bundle.check_probe(); "
        "print(bundle.compiled.kernel, [m for m in ('pandas', 'sklearn', 'scipy', 'mlflow') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=dict(os.environ), check=True
    )
    assert done.stdout == "linear []\n"


def test_a_compiled_form_that_is_damaged_leaves_the_pipeline_to_serve(released: Bundle) -> None:
    plan = released.folder / "ratchet" / "compiled.json"
    text = plan.read_text()
    for spoilt, why in (
        ("{", "cannot be read"),
        ("{}", "damaged"),
        (text.replace('"columns":["rain"', '"columns":["rein"'), "KeyError"),
        (text.replace('"intercept":[', '"intercept":[9e9, '), "do not fit"),
        (re.sub(r'"intercept":\[[^]]*\]', '"intercept":[0.123]', text), "answers the probe wrongly"),
    ):
        assert spoilt != text
        plan.write_text(spoilt)
        write_bundle(released.folder, {}, {})
        opened = Bundle.open(released.folder)
        opened.check_probe()  # by the pipeline
        assert opened.compiled is None
        assert why in (opened.plain_because or "")
        assert "pipeline" in vars(opened)


def test_a_compiled_form_that_the_manifest_does_not_name_is_not_read(released: Bundle) -> None:
    listed = read_json(released.folder / "manifest.json")
    del listed["ratchet/compiled.json"]
    write_json(released.folder / "manifest.json", listed)
    opened = Bundle.open(released.folder)
    assert opened.compiled is None
    assert "no part of the release" in (opened.plain_because or "")


def test_a_release_of_before_is_served_by_its_pipeline(folder: Path) -> None:
    assert Bundle.open(folder).compiled is None
    assert Bundle.open(folder).plain_because == "the release has no compiled form"


def test_opening_a_bundle_imports_no_mlflow(folder: Path) -> None:
    code = (
        "import sys, json; from pathlib import Path; from pipelines.stores.bundles.bundle import Bundle; "
        f"Bundle.open(Path({str(folder)!r})).release; print(json.dumps('mlflow' in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=dict(os.environ), check=True
    )
    assert json.loads(done.stdout) is False
