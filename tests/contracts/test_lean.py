"""What serving imports stays lean: none of the tools of training comes with it."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("pandas", "sklearn", "scipy", "mlflow", "evidently", "prefect", "pyarrow", "duckdb", "lightgbm", "skops")
CORE = [
    *("cells", "cell_columns", "compilation.compiled", "entities", "errors", "history", "labels", "moments", "problem"),
    *("request_rows", "schema", "settings", "timelines", "values", "windows"),
]
STORES = [
    *("bundles.bundle", "bundles.bundle_folders", "bundles.release_info", "data.history_store", "decisions.ledger"),
    *("logbook.group_commit", "logbook.prediction_log", "registry.local_registry", "registry.registry_reader"),
    *("releases.passport", "storage.files"),
]
SERVING = ["live_model", "data_plane", "champions", "front", "app"]


@pytest.mark.parametrize(
    "modules",
    [
        [f"pipelines.core.{name}" for name in CORE],
        [f"pipelines.stores.{name}" for name in STORES],
        [f"services.prediction.{name}" for name in SERVING],
    ],
    ids=["core", "stores", "serving"],
)
def test_serving_imports_no_tool_of_training(modules: list[str]) -> None:
    program = f"import sys, {', '.join(modules)}; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
