"""The datasheet: what a snapshot holds, for people, as Markdown and HTML (Gebru et al., Datasheets for Datasets)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd

from pipelines.cards.snapshot_sheet import ColumnFacts, Datasheet, datasheet_pages
from pipelines.core.kinds import category_texts
from pipelines.core.schema import Column, Contract
from pipelines.stores.problems.problem_files import LoadedProblem
from pipelines.stores.storage.files import write_atomic

_SHOWN = 5


def write_datasheet(
    path: Path,
    loaded: LoadedProblem,
    contract: Contract,
    table: pd.DataFrame,
    identity: str,
    as_of: datetime,
    reasons: Sequence[str],
) -> None:
    """The datasheet of a snapshot's table at `path` (.md), and as a page beside it (.html).

    `reasons` are those of the rows set aside.
    """
    counts = pd.Series(list(reasons), dtype=object).value_counts()
    sheet = Datasheet(
        problem=loaded.problem,
        contract=contract,
        snapshot=identity,
        as_of=as_of,
        rows=len(table),
        labelled=int(table[contract.target].notna().sum()),
        period=_period(contract, table),
        target=_target(contract, table),
        columns=[_column(one, table[one.name]) for one in contract.columns],
        set_aside={str(reason): int(count) for reason, count in counts.items()},
    )
    for name, content in datasheet_pages(sheet).items():
        write_atomic(path.with_suffix(Path(name).suffix), content.encode())


def _period(contract: Contract, table: pd.DataFrame) -> str:
    if contract.time is None:
        return "no time column"
    times = table[contract.time]
    return f"{times.min()} to {times.max()} ({contract.time})"


def _target(contract: Contract, table: pd.DataFrame) -> str | None:
    labels = table[contract.target].dropna()
    if contract.classes is None:
        numbers = pd.to_numeric(labels, errors="coerce")
        return f"{_range(numbers)}, mean {numbers.mean():.4g}, sd {numbers.std():.4g}" if len(numbers) else None
    counts = pd.Series(category_texts(labels)).value_counts()
    return ", ".join(f"{one} {count / len(labels):.1%}" for one, count in counts.head(20).items()) or None


def _column(column: Column, values: pd.Series) -> ColumnFacts:
    if column.kind == "numeric":
        shown = _range(values.dropna())
    elif column.kind == "datetime":
        shown = "none" if values.isna().all() else f"{values.min()} to {values.max()}"
    else:
        counts = values.value_counts()
        listed = ", ".join(f"{str(one)[:40]} {count:,}" for one, count in counts.head(_SHOWN).items())
        shown = f"{len(counts):,} different: {listed}" if len(counts) else "none"
    return ColumnFacts(column, float(values.isna().mean()) if len(values) else 0.0, shown)


def _range(values: pd.Series) -> str:
    if values.empty:
        return "none"
    low, middle, high = np.percentile(values.to_numpy(dtype=float), [0, 50, 100])
    return f"{low:.6g} to {high:.6g}, median {middle:.6g}"
