"""Whether other machines can reach a service: then it asks for API keys."""

from __future__ import annotations

import ipaddress

from pipelines.core.settings import Settings


def keys_required(settings: Settings) -> bool:
    """Whether requests need a key: always by RATCHET_REQUIRE_KEYS, and wherever another machine can reach the service.

    >>> keys_required(Settings(host="127.0.0.1")), keys_required(Settings(host="0.0.0.0"))
    (False, True)
    """
    return settings.require_keys == "always" or not is_loopback(settings.host)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens there; in doubt it is not.

    >>> [is_loopback(host) for host in ("127.8.0.1", "::1", "localhost", "", "::", "intranet")]
    [True, True, True, False, False, False]
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
