from __future__ import annotations

import pytest

from pipelines.core.exposure import is_loopback, keys_required
from pipelines.core.settings import Settings


@pytest.mark.parametrize("host", ["127.0.0.1", "127.255.0.9", "::1", "localhost"])
def test_only_this_machine_reaches_loopback(host: str) -> None:
    assert is_loopback(host)
    assert not keys_required(Settings(host=host))
    assert keys_required(Settings(host=host, require_keys="always"))


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "", "10.0.0.1", "::ffff:127.0.0.1", "localhost.example.org", "127.0.0.1.example.org"]
)
def test_everything_else_asks_for_keys_and_nothing_switches_that_off(host: str) -> None:
    assert not is_loopback(host)
    assert keys_required(Settings(host=host))
