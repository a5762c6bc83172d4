"""A release in service: loaded, verified, proven on its probe, and then never changed."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from pipelines.core.errors import ModelFileError
from pipelines.core.history import HistoryIndex
from pipelines.core.labels import decode
from pipelines.core.problem import Problem
from pipelines.core.schema import Contract
from pipelines.stores.bundles.bundle import Bundle
from pipelines.stores.bundles.release_info import MANIFEST_DIGEST, ReleaseInfo
from pipelines.stores.data.history_store import load_current

if TYPE_CHECKING:
    from pipelines.core.compilation.compiled import Compiled

Columns = Mapping[str, Any]
"""Checked values by column: a list or an array each, typed as `check_rows` types them."""
History = dict[str, np.ndarray] | None


@dataclass(frozen=True, eq=False)
class LiveModel:
    """Everything that a request needs; requests keep the one they started with while another takes over.

    `compiled` answers where the release has a compiled form that passed its probe, else the scikit-learn pipeline.
    """

    info: ReleaseInfo
    contract: Contract
    definition: Problem
    release: dict[str, Any]
    pipeline: Any = None
    compiled: Compiled | None = None
    plain_because: str | None = None
    """Why the pipeline answers instead of a compiled form."""
    bundle: Bundle | None = None
    history: HistoryIndex | None = None
    history_as_of: datetime | None = None
    since: datetime = field(default_factory=lambda: datetime.now(UTC))

    @cached_property
    def named(self) -> dict[str, Any]:
        """How an answer names its model."""
        return {"problem": self.info.problem, "version": self.info.version, "run_id": self.info.run_id}

    @cached_property
    def named_json(self) -> str:
        """The same as JSON."""
        return orjson.dumps(self.named).decode()

    @cached_property
    def asked(self) -> list[tuple[str, bool]]:
        """Columns that a caller may give, each with whether it holds dates."""
        return [(column.name, column.kind == "datetime") for column in self.contract.columns if column.asked]

    @cached_property
    def labels(self) -> list[Any]:
        """The classes as a client gets them, in the order of the probabilities; none for regression."""
        return [decode(self.contract, float(code)) for code in range(len(self.contract.classes or []))]

    @cached_property
    def labels_json(self) -> list[str]:
        """The same, each as JSON."""
        return [orjson.dumps(label).decode() for label in self.labels]

    @cached_property
    def named_classes(self) -> tuple[list[str], list[Any]] | None:
        """The classes' names and what a client gets for each, as the log keeps them; None for regression."""
        classes = self.contract.classes
        return None if classes is None else (classes, self.labels)

    @cached_property
    def answer_form(self) -> str:
        """One answer as JSON, with places for its id, its prediction and the probability of each class."""
        if self.contract.classes is None:
            return '{"id":"%s","prediction":%s}'
        names = (orjson.dumps(name).decode().replace("%", "%%") for name in self.contract.classes)
        shares = ",".join(f"{name}:%s" for name in names)
        return f'{{"id":"%s","prediction":%s,"probabilities":{{{shares}}}}}'

    def score(self, columns: Columns, times: np.ndarray) -> tuple[np.ndarray, History]:
        """Scores of checked rows and the history features joined for them; `times`: one datetime64 per row.

        Scores are (n,) values for regression, (n, k) probabilities in the contract's class order.
        """
        joined = None if self.history is None else self.history.lookup(columns, times)
        everything = columns if joined is None else {**columns, **joined}
        if self.compiled is not None:
            return self.compiled.score(everything, len(times)), joined
        return _score_by_pipeline(self.pipeline, self.contract, everything, joined, len(times)), joined

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


def load_live(folder: Path, info: ReleaseInfo, history: Path, compiled: bool = True) -> LiveModel:
    """The release in `folder`, ready to serve: manifest verified, model loaded, probe answered as at release.

    ModelFileError when anything does not fit; nothing is deserialised before the manifest does. The pipeline itself
    is loaded only where the compiled form does not serve (`compiled` False: never).
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
    fast, because = _proven(bundle) if compiled else (None, "RATCHET_COMPILE is off")
    if fast is None:
        bundle.check_plain()
    model = LiveModel(
        info=info,
        contract=bundle.contract,
        definition=bundle.problem,
        release=dict(bundle.release),
        pipeline=None if fast is not None else bundle.pipeline,
        compiled=fast,
        plain_because=because,
        bundle=bundle,
    )
    return model.with_history(history)


def merge(parts: Sequence[Columns]) -> Columns:
    """The rows of several requests one after another."""
    if len(parts) == 1:
        return parts[0]
    return {name: _joined([part[name] for part in parts]) for name in parts[0]}


def select(columns: Columns, rows: np.ndarray) -> Columns:
    """The rows at these positions."""
    chosen = rows.tolist()
    return {
        name: values[rows] if isinstance(values, np.ndarray) else [values[row] for row in chosen]
        for name, values in columns.items()
    }


def _joined(values: list[Any]) -> Any:
    for one in values:
        if not isinstance(one, list):
            return np.concatenate([np.asarray(one) for one in values])
    return list(chain.from_iterable(values))


def _proven(bundle: Bundle) -> tuple[Compiled | None, str | None]:
    """The compiled form if the release has one and it passes its probe; else why not."""
    found = bundle.compiled
    return (found, None) if found is not None else (None, bundle.plain_because or "the release has no compiled form")


def _score_by_pipeline(pipeline: Any, contract: Contract, columns: Columns, history: History, rows: int) -> np.ndarray:
    """Scores by the scikit-learn pipeline, on a frame as `check` would type it."""
    import pandas as pd  # only a model that could not be compiled needs it

    from pipelines.core.scoring import score

    typed = {column.name: _array(column.kind, columns[column.name]) for column in contract.columns}
    frame = pd.DataFrame(typed | (history or {}), index=range(rows))
    return score(pipeline, contract.task, frame)


def _array(kind: str, values: Any) -> np.ndarray:
    """A checked column as `check` would type it."""
    if kind == "numeric":
        return np.asarray(values, dtype=np.float64)
    if kind == "datetime":
        return np.asarray(values, dtype="datetime64[us]")
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array
