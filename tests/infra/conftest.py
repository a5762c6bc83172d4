"""What tests of the chart share."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


@pytest.fixture(scope="session")
def charts(load_file: Any) -> ModuleType:
    """tests/infra/charts.py. Skips where Helm is missing."""
    module: ModuleType = load_file(Path(__file__).with_name("charts.py"))
    if module.HELM is None:
        pytest.skip("no Helm: python infra/helm/get_helm.py .venv/bin")
    return module
