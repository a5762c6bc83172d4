"""The prediction service's numbers, asked of every replica: a name can stand for several addresses."""

from __future__ import annotations

import socket
from collections.abc import Sequence

import httpx

from services.console.service_numbers import ServiceNumbers, read_numbers

_REFUSED = frozenset({httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN})


def ask_replicas(client: httpx.Client, url: str | None, key: str | None) -> tuple[ServiceNumbers | None, str]:
    """The numbers of all that answer, None where none does, and what keeps the others from it.

    Behind a proxy every request meets another replica, whose numbers are not the service's: give `url` a name that
    stands for each of them.
    """
    if url is None:
        return None, "no address of the service is known"
    base = httpx.URL(url)
    try:
        places = addresses(base)
    except (OSError, UnicodeError):
        return None, f"nobody knows the name {base.host}"
    told = [_numbers_page(client, base, place, key) for place in places]
    texts, silences = [text for text, _ in told if text], [why for _, why in told if why]
    silence = silences[0] if silences else ""
    if texts and silences:
        silence = f"{len(silences)} of {len(told)} replicas are missing: {silence}"
    return (read_numbers(*texts) if texts else None), silence


def addresses(url: httpx.URL) -> Sequence[str]:
    """The addresses that the name of `url` stands for; the name itself where its certificate is asked for.

    Of one family: a replica that has both would count twice.
    """
    if url.scheme == "https":
        return [url.host]
    found = socket.getaddrinfo(url.host, url.port or 80, type=socket.SOCK_STREAM)
    family = socket.AF_INET if any(one[0] == socket.AF_INET for one in found) else socket.AF_INET6
    return sorted({str(one[4][0]) for one in found if one[0] == family})


def _numbers_page(client: httpx.Client, base: httpx.URL, place: str, key: str | None) -> tuple[str, str]:
    """The page of one replica, or why there is none."""
    headers = {"host": base.netloc.decode("ascii"), **({"authorization": f"Bearer {key}"} if key else {})}
    address = base.copy_with(host=place, path=f"{base.path.rstrip('/')}/metrics")
    try:
        answer = client.get(address, headers=headers)
    except httpx.HTTPError as error:
        return "", f"{base.host} does not answer ({type(error).__name__})"
    if answer.status_code in _REFUSED:
        return "", "it asks for a key with the scope read: RATCHET_SERVICE_KEY" + (" is not one" if key else "")
    if not answer.is_success:
        return "", f"{base.host} answers {answer.status_code}"
    return answer.text, ""
