"""A release's bundle: model, contract, problem, scorecard and probe in one folder, with a manifest.

The folder is an MLflow model folder (written by `stores.registry.registry`) plus `ratchet/` and `manifest.json`.
Nothing is read before every file's digest has been compared with the manifest, and the manifest's own digest
with the one in the registry where it is known. No MLflow is needed to open a bundle.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.core.errors import ModelFileError, NotFound
from pipelines.core.problem import Problem
from pipelines.core.request_rows import CheckedRows, check_rows
from pipelines.core.schema import Contract
from pipelines.stores.bundles.compiled_file import PLAN, TREES, read_compiled
from pipelines.stores.storage.files import digest_file, read_json, write_atomic, write_json

if TYPE_CHECKING:
    import pandas as pd

    from pipelines.core.compilation.compiled import Compiled

MODEL_FILE = "model.skops"
MANIFEST = "manifest.json"
DOCUMENTS = "ratchet"
CARDS = "cards"
"""Folder of the cards within the documents."""


@dataclass(frozen=True)
class Probe:
    """Rows as a client sends them, their history features, and the scores that the model gave at release."""

    rows: list[dict[str, Any]]
    history: dict[str, list[float | None]]
    scores: list[list[float]]


class Bundle:
    """An opened release; `version` is what the registry calls it, if the opener knows."""

    def __init__(self, folder: Path, version: int | None = None) -> None:
        self.folder = folder
        self.version = version

    @classmethod
    def open(cls, folder: Path, version: int | None = None, manifest: str | None = None) -> Bundle:
        """The bundle in `folder`, verified; ModelFileError names the file that does not fit.

        `manifest`: the digest that the registry keeps of the manifest, so that a bundle whose files and
        manifest were both replaced is refused too.
        """
        verify(folder, manifest)
        return cls(folder, version)

    @cached_property
    def release(self) -> dict[str, Any]:
        """Facts of the release (release.json; `stores.releases.release_files.release_facts` has them all)."""
        return dict(self._document("release.json"))

    @cached_property
    def contract(self) -> Contract:
        """The contract that requests and tables are checked with."""
        return Contract.model_validate(self._document("contract.json"))

    @cached_property
    def problem(self) -> Problem:
        """The problem as it was when this release was made."""
        return Problem.model_validate(self._document("problem.json"))

    @cached_property
    def scorecard(self) -> dict[str, Any]:
        """The scorecard as JSON."""
        return dict(self._document("scorecard.json"))

    @cached_property
    def decision(self) -> dict[str, Any]:
        """The gate's decision as JSON."""
        return dict(self._document("decision.json"))

    @cached_property
    def pipeline(self) -> Any:
        """The fitted scikit-learn Pipeline, loaded on first use, its digest compared with the release's."""
        from pipelines.stores.bundles.model_file import load_model

        return load_model(self.folder / MODEL_FILE, self.release["model_digest"])

    def load(self) -> None:
        """Read what scores rows into memory: sent to a process that does not see the folder, it can score there."""
        for name in ("release", "contract", "problem", "pipeline"):
            getattr(self, name)

    @property
    def reference_path(self) -> Path:
        """Parquet file with the release's held-out rows, predictions and labels."""
        return self.folder / DOCUMENTS / "reference.parquet"

    @cached_property
    def probe(self) -> Probe:
        """Rows with the answers expected."""
        return Probe(**self._document("probe.json"))

    @property
    def compiled(self) -> Compiled | None:
        """The compiled form, if the release has one and it answers the probe here as the pipeline did at release.

        None otherwise: `plain_because` says why, and the pipeline is to serve.
        """
        return self._serving[0]

    @property
    def plain_because(self) -> str | None:
        """Why the pipeline itself is to serve; None where the compiled form does."""
        return self._serving[1]

    def check_probe(self, tolerance: float = 1e-9) -> None:
        """Score the probe rows as a request would be, by what is to serve; ModelFileError when an answer is off.

        A compiled form that is off leaves the pipeline to serve, which is checked then, or when it is loaded anyway.
        """
        if self.compiled is None or "pipeline" in self.__dict__:
            self.check_plain(tolerance)

    def check_plain(self, tolerance: float = 1e-9) -> None:
        """Score the probe rows by the pipeline itself; ModelFileError when an answer is off by more."""
        from pipelines.core.scoring import score

        found = score(self.pipeline, self.contract.task, probe_frame(self.contract, self.probe))
        off = self._off(found)
        if not off <= tolerance:
            raise ModelFileError(
                f"the model in {self.folder} answers its own probe rows wrongly (off by {off:.3g}, "
                f"{tolerance:g} is allowed): its libraries differ from those it was trained with; train again"
            )

    @cached_property
    def _serving(self) -> tuple[Compiled | None, str | None]:
        stated = self.release.get("serving") or {}
        if not stated.get("compiled"):
            return None, str(stated.get("reason") or "the release has no compiled form")
        folder = self.folder / DOCUMENTS
        try:
            listed = read_json(self.folder / MANIFEST)
            for name in (PLAN, TREES):  # a file that the manifest does not name was put there by someone else
                if (folder / name).exists() and f"{DOCUMENTS}/{name}" not in listed:
                    raise ModelFileError(f"{folder / name} is no part of the release")
            compiled = read_compiled(folder)
            columns, rows = probe_columns(self.contract, self.probe)
            off = self._off(compiled.score(columns, rows))
        except (ModelFileError, NotFound) as error:
            return None, str(error)
        except Exception as error:  # noqa: BLE001 - told, and the pipeline serves: a broken copy must not end the service
            return None, f"the compiled form fails on the probe ({type(error).__name__}: {error})"
        allowed = max(float(stated.get("tolerance", 0.0)), 1e-9)
        if not off <= allowed:
            return None, f"the compiled form answers the probe wrongly (off by {off:.3g}, {allowed:g} is allowed)"
        return compiled, None

    def _off(self, found: np.ndarray) -> float:
        """How far scores are from those at release."""
        expected = np.array(self.probe.scores, dtype=np.float64)
        return float(np.abs(found.reshape(expected.shape) - expected).max()) if expected.size else 0.0

    def _document(self, name: str) -> Any:
        try:
            return read_json(self.folder / DOCUMENTS / name)
        except NotFound as error:
            raise ModelFileError(f"the bundle lacks {DOCUMENTS}/{name}: {error}") from error


def probe_frame(contract: Contract, probe: Probe) -> pd.DataFrame:
    """The probe rows as the pipeline's input, read as requests are: shape (rows, columns and history)."""
    import pandas as pd

    columns, rows = probe_columns(contract, probe)
    return pd.DataFrame(columns, index=range(rows))


def probe_columns(contract: Contract, probe: Probe) -> tuple[dict[str, Any], int]:
    """The probe rows by column (history too), and how many; ModelFileError if they break the contract."""
    checked: CheckedRows = check_rows(contract, probe.rows)
    if checked.issues:
        first = checked.issues[0]
        raise ModelFileError(f"probe row {first.row} breaks the contract: {first.feature}: {first.message}")
    history = {name: np.array(values, dtype=np.float64) for name, values in probe.history.items()}
    return {**checked.columns, **history}, len(probe.rows)


def write_bundle(folder: Path, documents: Mapping[str, Any], files: Mapping[str, Path]) -> str:
    """Add documents (JSON or text, by name) and files to a model folder, then the manifest; its digest."""
    for name, content in documents.items():
        target = folder / DOCUMENTS / name
        if isinstance(content, str):
            write_atomic(target, content.encode())
        else:
            write_json(target, content)
    for name, source in files.items():
        write_atomic(folder / DOCUMENTS / name, source.read_bytes())
    listed = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST)
    digests = {path.relative_to(folder).as_posix(): digest_file(path) for path in listed}
    write_json(folder / MANIFEST, digests)
    return digest_file(folder / MANIFEST)


def verify(folder: Path, manifest: str | None = None) -> None:
    """Compare every file with the manifest; ModelFileError names the first that is missing or differs."""
    path = folder / MANIFEST
    try:
        digests = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ModelFileError(f"{path} cannot be read ({error}): this is no bundle, or a damaged one") from error
    if manifest is not None and digest_file(path) != manifest:
        raise ModelFileError(f"{path} is not the manifest that the registry knows: the bundle was replaced")
    if not isinstance(digests, dict) or MODEL_FILE not in digests:
        raise ModelFileError(f"{path} names no {MODEL_FILE}: this is no bundle, or a damaged one")
    for name, digest in digests.items():
        file = PurePosixPath(name)
        if file.is_absolute() or ".." in file.parts:
            raise ModelFileError(f"{path} names a file outside the bundle: {name!r}")
        if not (folder / file).is_file():
            raise ModelFileError(f"{folder / file} is missing: fetch the bundle again")
        if digest_file(folder / file) != digest:
            raise ModelFileError(f"{folder / file} is not what was released: fetch the bundle again")
