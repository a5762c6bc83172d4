"""From a run's folder to a release's bundle: what goes in, and what the release states of itself."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipelines.core.contract import Contract
from pipelines.core.errors import ModelFileError
from pipelines.core.evaluation.rehearsal import Rehearsal
from pipelines.core.gate import Decision
from pipelines.core.schema import Column
from pipelines.core.scorecard import Scorecard
from pipelines.core.scoring import score
from pipelines.core.splitting import MANY
from pipelines.stores.bundles.bundle import CARDS, DOCUMENTS, Bundle, write_bundle
from pipelines.stores.bundles.compiled_file import Proven, compile_release
from pipelines.stores.bundles.model_file import load_model
from pipelines.stores.code_version import CodeVersion
from pipelines.stores.data.tables import read_parquet
from pipelines.stores.problems.problem_files import LoadedProblem
from pipelines.stores.registry.mlflow_folder import save_model_folder
from pipelines.stores.storage.files import read_json, replace_folder

PROBE_ROWS = 16
EXAMPLE_ROWS = 3
STAGED = "staged"


@dataclass(frozen=True)
class Lineage:
    """Where a release comes from; `source` is the snapshot's file."""

    run_id: str
    run_key: str
    snapshot: str
    source: str
    rows: int
    as_of: datetime
    code: CodeVersion
    datasheet: Path | None


@dataclass(frozen=True)
class LabelledSpan:
    """A run's labelled rows within its reach (after a break no fewer than 2,000, where there are so many: else a young
    release would be trained anew every week), with the first and the last moment of those that it was fitted on, and
    the last of all; None: no moment."""

    labels: int
    trained_since: str | None
    trained_until: str | None
    data_until: str | None


def stage_bundle(loaded: LoadedProblem, folder: Path, lineage: Lineage, card: Scorecard) -> Path:
    """The bundle folder/staged of the run in `folder`, whole but for the decision, which is still to come.

    One that was staged before is kept. Its probe rows are scored through the request's path before it is shown: a
    model that does not give there what it gave in batch raises ModelFileError.
    """
    staged = folder / STAGED
    if _is_whole(staged, lineage, card):
        return staged
    contract = Contract.model_validate(read_json(folder / "contract.json"))
    trained = read_json(folder / "trained.json")
    pipeline = load_model(folder / "model.skops", trained["digest"])
    history = [feature.name for feature in loaded.problem.features.history]
    held_out = read_parquet(folder / "reference.parquet")
    proven = compile_release(pipeline, contract, history, held_out)
    made = folder / ".bundle"
    save_model_folder(folder / "model.skops", contract, history, held_out.head(EXAMPLE_ROWS), made)
    documents = {
        "release.json": {
            **release_facts(loaded, folder, lineage, card, trained, contract),
            "serving": proven.serving,
        },
        "problem.yaml": loaded.text,
        "problem.json": loaded.problem.model_dump(mode="json"),
        "contract.json": contract.model_dump(mode="json"),
        "scorecard.json": card.model_dump(mode="json"),
        "probe.json": probe_document(pipeline, contract, history, held_out.head(PROBE_ROWS)),
        **proven.documents,
    }
    files = {"reference.parquet": folder / "reference.parquet"}
    if lineage.datasheet is not None and lineage.datasheet.exists():
        files["datasheet.md"] = lineage.datasheet
    write_bundle(made, documents, files)
    _check(Bundle.open(made), proven)
    replace_folder(made, staged)
    return staged


def make_bundle(
    loaded: LoadedProblem,
    folder: Path,
    lineage: Lineage,
    card: Scorecard,
    decision: Decision,
    rehearsal: Rehearsal | None = None,
    add_cards: Callable[[Path, Bundle], object] | None = None,
) -> Path:
    """The bundle folder/bundle: what was staged, with the decision; one that is whole and of the same run is kept.

    `add_cards(into, bundle)` writes further files into the folder `into`; the manifest comes last and names them all.
    """
    final = folder / "bundle"
    if _is_whole(final, lineage, card, decision):
        return final
    staged = Bundle(stage_bundle(loaded, folder, lineage, card))
    documents = {"decision.json": decision.model_dump(mode="json")}
    if rehearsal is not None:
        documents["rehearsal.json"] = rehearsal.model_dump(mode="json")
    cards = staged.folder / DOCUMENTS / CARDS
    shutil.rmtree(cards, ignore_errors=True)  # of a try that was killed
    if add_cards is not None:
        add_cards(cards, staged)
    write_bundle(staged.folder, documents, {})
    replace_folder(staged.folder, final)
    return final


def _check(bundle: Bundle, proven: Proven) -> None:
    """Both forms as they were written, on the probe: what serves here must serve there."""
    bundle.check_plain()
    if proven.documents and bundle.compiled is None:
        raise ModelFileError(f"the compiled form in {bundle.folder} is not what was proven: {bundle.plain_because}")


def release_facts(
    loaded: LoadedProblem,
    folder: Path,
    lineage: Lineage,
    card: Scorecard,
    trained: dict[str, Any],
    contract: Contract,
) -> dict[str, Any]:
    """What release.json states: identity, lineage, learner, and the times that its data covers."""
    span = labelled_span(folder)
    return {
        "problem": loaded.problem.name,
        "task": contract.task,
        "target": contract.target,
        "classes": contract.classes,
        "run_id": lineage.run_id,
        "run_key": lineage.run_key,
        "as_of": lineage.as_of.isoformat(),
        "snapshot": lineage.snapshot,
        "snapshot_path": lineage.source,
        "rows": lineage.rows,
        "labels": span.labels,
        "trained_rows": trained.get("rows"),
        "trained_since": span.trained_since,
        "trained_until": span.trained_until,
        "data_until": span.data_until,
        "problem_digest": loaded.problem.digest,
        "contract_digest": contract.digest,
        "model_digest": card.digest,
        "code": lineage.code.as_json(),
        "learner": trained["learner"],
        "params": trained.get("params", {}),
        "history": [feature.name for feature in loaded.problem.features.history],
        "primary": card.primary,
    }


def labelled_span(folder: Path) -> LabelledSpan:
    """That of the run in `folder`."""
    rows = read_parquet(folder / "features.parquet", ["__time", "__side", "__y"])
    known = rows["__y"].notna()
    labelled = rows[known & (rows["__side"] != "older")]
    fitted = labelled.loc[labelled["__side"].isin(["train", "validation"]), "__time"]
    return LabelledSpan(
        max(len(labelled), min(int(known.sum()), MANY)),
        _moment(fitted.min()),
        _moment(fitted.max()),
        _moment(labelled["__time"].max()),
    )


def probe_document(pipeline: Any, contract: Contract, history: list[str], rows: pd.DataFrame) -> dict[str, Any]:
    """A few held-out rows as a client sends them, with the batch scores; the last has no values at all."""
    asked = [column for column in contract.columns if column.asked and column.name in rows.columns]
    if not any(column.required for column in asked):
        rows = _with_an_empty_row(rows)
    sent = [
        {column.name: _json_value(column, row[column.name]) for column in asked}
        for row in rows.to_dict(orient="records")
    ]
    scores = score(pipeline, contract.task, rows)
    return {
        "rows": sent,
        "history": {name: [_number(value) for value in rows[name]] for name in history},
        "scores": np.atleast_2d(scores.T).T.tolist(),
    }


def _with_an_empty_row(rows: pd.DataFrame) -> pd.DataFrame:
    longer = rows.reset_index(drop=True).reindex(range(len(rows) + 1))
    for name in longer.select_dtypes("object").columns:
        longer[name] = longer[name].where(longer[name].notna(), None)
    return longer


def _json_value(column: Column, value: Any) -> Any:
    if pd.isna(value):
        return None
    if column.kind == "numeric":
        return float(value)
    return pd.Timestamp(value).isoformat() if column.kind == "datetime" else str(value)


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _moment(one: pd.Timestamp) -> str | None:
    return None if pd.isna(one) else one.tz_localize("UTC").isoformat()


def _is_whole(folder: Path, lineage: Lineage, card: Scorecard, decision: Decision | None = None) -> bool:
    """Whether the folder holds this run's bundle with this scorecard, and this decision where there is one."""
    try:
        bundle = Bundle.open(folder)
        facts = bundle.release
        if (facts["run_id"], facts["model_digest"]) != (lineage.run_id, card.digest):
            return False
        if bundle.scorecard != card.model_dump(mode="json"):  # judged anew, against another champion
            return False
        return decision is None or bundle.decision == decision.model_dump(mode="json")
    except ModelFileError:
        shutil.rmtree(folder, ignore_errors=True)
        return False
