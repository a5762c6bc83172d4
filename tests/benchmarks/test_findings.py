from __future__ import annotations

import json

from benchmarks.serving.findings import Findings, Start, least
from benchmarks.serving.rounds import Measured


def test_a_case_is_found_by_server_clients_and_rows() -> None:
    single = Measured("ours", 16, 1, 0.1, 9.0, 1.0, 2.0, 0.0, 1)
    many = Measured("ours", 1, 1000, 5.0, 7.0, 1.0, 2.0, 0.0, 1)
    found = Findings(measured=[single, many], starts=[Start("ours", "Ours", 1.0, 2.0, 3.0)])
    assert (found.of("ours", 16), found.of("ours", 1, 1000), found.of("ours", 1)) == (single, many, None)
    assert (found.cpu("ours"), found.rate("ours", 1, 1000), found.cpu("other")) == (0.1, 7.0, None)
    assert found.start("ours") is not None
    assert found.start("other") is None
    assert json.loads(json.dumps(found.as_json()))["measured"][1]["rows"] == 1000


def test_the_least_of_nothing_is_nothing() -> None:
    assert least([]) is None
    assert least([2.0, None, 1.0]) == 1.0
