"""The layout of a scored table: which columns it has, of which types."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from pipelines.core.contract import Contract

_TYPES = {"boolean": pa.bool_(), "integer": pa.int64(), "number": pa.float64(), "text": pa.string()}


@dataclass(frozen=True)
class ScoreLayout:
    """The columns: the key's (or `row`), id, prediction, probabilities, error; a taken one gets a _ more."""

    keys: list[str]
    classes: list[str]
    schema: pa.Schema

    @classmethod
    def of(cls, contract: Contract, table: pa.Schema) -> ScoreLayout:
        """The layout for a table with this schema: keys keep their types, answers have the label's."""
        keys = [name for name in contract.key if name in table.names]
        fields = [table.field(name) for name in keys] or [pa.field("row", pa.int64())]
        classes = contract.classes or []
        kind = _TYPES[contract.class_type or "number"]
        made = [("id", pa.string()), ("prediction", kind)]
        made += [(f"probability_{one}", pa.float64()) for one in classes]
        taken = {field.name for field in fields}
        for name, type_ in [*made, ("error", pa.string())]:
            while name in taken:
                name = f"{name}_"
            taken.add(name)
            fields.append(pa.field(name, type_))
        return cls(keys, classes, pa.schema(fields))

    def batch(
        self,
        source: pa.RecordBatch,
        ids: Sequence[str | None],
        found: Sequence[dict[str, Any] | None],
        errors: Sequence[str | None],
        first: int,
    ) -> pa.RecordBatch:
        """The output of one chunk, one entry per row of `source`, whose first row is number `first`.

        `found` are the answers (None where there is an error); an id is None where nothing was logged.
        """
        count = source.num_rows
        columns: list[Any] = [source.column(source.schema.get_field_index(name)) for name in self.keys]
        columns = columns or [pa.array(range(first, first + count), pa.int64())]
        columns.append(list(ids))
        columns.append([None if one is None else one["prediction"] for one in found])
        for name in self.classes:
            columns.append([None if one is None else one["probabilities"][name] for one in found])
        columns.append(list(errors))
        arrays = [
            one if isinstance(one, pa.Array) else pa.array(one, field.type)
            for one, field in zip(columns, self.schema, strict=True)
        ]
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)
