"""The Contract: one set of rules, enforced at ingestion, at the API and in monitoring.

This is the door to it: the nouns, its inference, the check of frames and of request rows, and the labels.
"""

from __future__ import annotations

from pipelines.core.contract_rows import Checked, check
from pipelines.core.inference import infer_contract, made_from
from pipelines.core.labels import class_label, decode, encode_label
from pipelines.core.request_rows import CheckedRows, check_columns, check_rows
from pipelines.core.schema import Column, Contract
from pipelines.core.schema_change import SchemaChange, schema_change
from pipelines.core.target_codes import encode_target

__all__ = [
    "Checked",
    "CheckedRows",
    "Column",
    "Contract",
    "SchemaChange",
    "check",
    "check_columns",
    "check_rows",
    "class_label",
    "decode",
    "encode_label",
    "encode_target",
    "infer_contract",
    "made_from",
    "schema_change",
]
