from __future__ import annotations

from pipelines.stack.findings import Finding


def test_a_finding_that_is_well_needs_no_advice() -> None:
    assert Finding("disk", "ok", "60 GB free").advice == ""
