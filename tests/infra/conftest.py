"""What tests of the chart share."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def charts() -> ModuleType:
    """tests/infra/charts.py; test folders are no packages, so it is loaded by its path. Skips where Helm is missing."""
    spec = importlib.util.spec_from_file_location("charts", Path(__file__).with_name("charts.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if module.HELM is None:
        pytest.skip("no Helm: python infra/helm/get_helm.py .venv/bin")
    return module
