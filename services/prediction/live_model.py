"""A release in service: loaded, verified, proven on its probe, and then never changed."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipelines.core.contract import Contract
from pipelines.core.errors import ModelFileError
from pipelines.core.history import HistoryIndex
from pipelines.core.problem import Problem
from pipelines.core.scoring import answers, model_input, score
from pipelines.stores.bundle import Bundle
from pipelines.stores.history_store import load_current
from pipelines.stores.release_info import MANIFEST_DIGEST, ReleaseInfo

Columns = Mapping[str, list[Any]]


@dataclass(frozen=True)
class Answered:
    """One answer per row, and the history features as they were joined for it."""

    answers: list[dict[str, Any]]
    history: list[dict[str, float]] | None


@dataclass(frozen=True, eq=False)
class LiveModel:
    """Everything that a request needs; requests keep the one they started with while another takes over."""

    info: ReleaseInfo
    contract: Contract
    definition: Problem
    release: dict[str, Any]
    pipeline: Any
    history: HistoryIndex | None = None
    history_as_of: datetime | None = None
    since: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def named(self) -> dict[str, Any]:
        """How an answer names its model."""
        return {"problem": self.info.problem, "version": self.info.version, "run_id": self.info.run_id}

    def answer(self, columns: Columns, times: np.ndarray) -> Answered:
        """The answers to checked rows: `columns` as `check_rows` types them, one datetime64 per row."""
        frame = pd.DataFrame(
            {column.name: _array(column.kind, columns[column.name]) for column in self.contract.columns},
            index=range(len(times)),
        )
        joined = model_input(frame, self.history, times)
        given = answers(self.contract, score(self.pipeline, self.contract.task, joined))
        if self.history is None:
            return Answered(given, None)
        names = self.history.names
        rows = zip(*(joined[name].tolist() for name in names), strict=True)
        return Answered(given, [dict(zip(names, row, strict=True)) for row in rows])

    def with_history(self, folder: Path) -> LiveModel:
        """The same release with the history that `folder` holds now; ModelFileError when it does not fit."""
        wanted = [feature.name for feature in self.definition.features.history]
        if not wanted:
            return self
        found = load_current(folder)
        if found is None:
            raise ModelFileError(
                f"{self.info.problem} needs history features and {folder} holds none: "
                f"run `ratchet materialise {self.info.problem}`"
            )
        index, as_of = found
        lacking = sorted(set(wanted) - set(index.names))
        if lacking:
            raise ModelFileError(f"the history store lacks the features {', '.join(lacking)} of this release")
        return dataclasses.replace(self, history=index, history_as_of=as_of)


def load_live(folder: Path, info: ReleaseInfo, history: Path) -> LiveModel:
    """The release in `folder`, ready to serve: manifest verified, model loaded, probe answered as at release.

    ModelFileError when anything does not fit; nothing is deserialised before the manifest does.
    """
    bundle = Bundle.open(folder, info.version, info.tags.get(MANIFEST_DIGEST))
    named = str(bundle.release.get("model_digest", ""))
    if info.digest and named and info.digest != named:
        raise ModelFileError(
            f"version {info.version} of {info.problem} is registered with model {info.digest[:12]}, "
            f"but its bundle holds {named[:12]}: do not serve it, register it again"
        )
    if bundle.contract.problem != info.problem:
        raise ModelFileError(f"the bundle is one of {bundle.contract.problem}, not of {info.problem}")
    model = LiveModel(info, bundle.contract, bundle.problem, dict(bundle.release), bundle.pipeline)
    bundle.check_probe()
    return model.with_history(history)


def merge(parts: Sequence[Columns]) -> Columns:
    """The rows of several requests one after another."""
    if len(parts) == 1:
        return parts[0]
    return {name: [value for part in parts for value in part[name]] for name in parts[0]}


def _array(kind: str, values: list[Any]) -> np.ndarray:
    """A checked column as `check` would type it."""
    if kind == "numeric":
        return np.array(values, dtype=np.float64)
    if kind == "datetime":
        return np.array(values, dtype="datetime64[us]")
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array
