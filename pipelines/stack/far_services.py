"""The doctor's look at services on other machines: they answer, in the expected version, by the same clock."""

from __future__ import annotations

import email.utils
import time
import uuid
from collections.abc import Iterator
from typing import Any

import httpx

from pipelines.core.errors import RatchetError
from pipelines.core.settings import Settings
from pipelines.stack.elsewhere import Elsewhere, elsewhere, online_workers
from pipelines.stack.findings import Finding, Level
from pipelines.stack.versions import objection
from pipelines.stores.registry.registry_reader import RestReader

SECONDS = 10.0
OFF, FAR_OFF = 5.0, 60.0
"""Seconds between two clocks that are worth a warning, and an error: leases last 120 s."""
_ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts/ratchet-doctor"
_DEPLOYMENT = "training/training"


def far_services(settings: Settings) -> Iterator[Finding]:
    """Every service that the settings place elsewhere; nothing where all of it runs here."""
    looks = {"mlflow": _mlflow, "prefect": _prefect, "prediction": _prediction, "evidently": _evidently}
    for one in elsewhere(settings):
        with httpx.Client(timeout=SECONDS, trust_env=False) as client:
            url = one.answering(SECONDS)
            if url is None:
                yield _silent(one)
                continue
            try:
                if one.name in looks:
                    yield from looks[one.name](settings, client, url)
                else:
                    yield Finding(one.name, "ok", f"answers at {url}")
                yield from _clock(one.name, client.get(f"{url}{one.health}"))
            except (httpx.HTTPError, ValueError, RatchetError) as error:
                yield Finding(one.name, "error", f"{url} does not answer as it should: {error}", "see its log")


def clock_finding(name: str, ahead: float) -> Finding:
    """What to say of a clock that is so many seconds ahead of ours."""
    level: Level = "ok" if abs(ahead) < OFF else "warning" if abs(ahead) < FAR_OFF else "error"
    if level == "ok":
        return Finding(f"clock of {name}", "ok", "as ours, within seconds")
    found = f"{abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} ours"
    return Finding(
        f"clock of {name}", level, found, "set both clocks (NTP): leases, labels and S3's signatures need it"
    )


def _silent(one: Elsewhere) -> Finding:
    asked = " and ".join(one.inside)
    if len(one.inside) > 1:  # a browser's address need not be one of this network
        return Finding(one.name, "warning", f"no answer at {asked}", "is it up? A browser may still reach it")
    variable = {"mlflow": "MLFLOW_URI", "prefect": "PREFECT_URL"}.get(one.name, "SERVICE_URL")
    advice = f"is it up (docker compose ps), and is RATCHET_{variable} its address as seen from here?"
    return Finding(one.name, "error", f"no answer at {asked}", advice)


def _clock(name: str, answer: httpx.Response) -> Iterator[Finding]:
    """By the answer's Date, which has whole seconds; an answer without one says nothing."""
    told = answer.headers.get("date")
    if told:
        theirs = email.utils.parsedate_to_datetime(told).timestamp() + 0.5
        yield clock_finding(name, theirs - (time.time() - answer.elapsed.total_seconds() / 2))


def _version(package: str, found: str, url: str) -> Finding:
    why = objection(package, found)
    if why is None:
        return Finding(package, "ok", f"{found} answers at {url}")
    return Finding(package, "error", f"{found} answers at {url}", f"{why}: run that version there")


def _mlflow(settings: Settings, client: httpx.Client, url: str) -> Iterator[Finding]:
    yield _version("mlflow", client.get(f"{url}/version").text.strip(), url)
    # Written through the server and read back, as releases are; what is written is removed again.
    place, content = f"{url}{_ARTIFACTS}/{uuid.uuid4().hex}", uuid.uuid4().bytes
    advice = "start MLflow with --serve-artifacts, and check its S3 address, bucket and credentials: see its log"
    try:
        wrote = client.put(place, content=content)
        read = client.get(place)
        client.delete(place)
    except httpx.HTTPError as error:
        yield Finding("mlflow artifacts", "error", f"cannot be written and read through {url}: {error}", advice)
        return
    if wrote.is_success and read.content == content:
        yield Finding("mlflow artifacts", "ok", f"written and read back through {url}")
    else:
        found = f"writing through {url} was answered {wrote.status_code}, reading {read.status_code}"
        yield Finding("mlflow artifacts", "error", found, advice)


def _prefect(settings: Settings, client: httpx.Client, url: str) -> Iterator[Finding]:
    api, pool = f"{url}/api", settings.work_pool
    yield _version("prefect", str(client.get(f"{api}/admin/version").json()), url)
    answer = client.get(f"{api}/work_pools/{pool}")
    if not answer.is_success:
        yield Finding("work pool", "error", f"Prefect knows no pool {pool!r}", "the worker makes it: start one")
        return
    kind, paused = answer.json().get("type"), answer.json().get("is_paused")
    if kind != settings.work_pool_type:
        advice = f"set RATCHET_WORK_POOL_TYPE={kind}, or RATCHET_WORK_POOL to a name that is not taken"
        yield Finding("work pool", "error", f"{pool!r} is of type {kind}, not {settings.work_pool_type}", advice)
    elif paused:
        yield Finding("work pool", "warning", f"{pool!r} is paused: nothing runs", "resume it in Prefect")
    else:
        yield Finding("work pool", "ok", f"{pool!r}, type {kind}")
    workers = online_workers(api, pool) or []
    if workers:
        yield Finding("worker", "ok", f"online: {', '.join(workers)}")
    else:
        yield Finding("worker", "error", f"none is online in pool {pool!r}", "start one: retrainings wait until then")
    known = client.get(f"{api}/deployments/name/{_DEPLOYMENT}").is_success
    yield (
        Finding("deployments", "ok", f"{_DEPLOYMENT} is registered")
        if known
        else Finding("deployments", "error", f"{_DEPLOYMENT} is not registered", "a worker registers them at its start")
    )


def _prediction(settings: Settings, client: httpx.Client, url: str) -> Iterator[Finding]:
    answer = client.get(f"{url}/readyz")
    told: dict[str, Any] = answer.json() if "json" in answer.headers.get("content-type", "") else {}
    serving = told.get("models", {})
    if not answer.is_success:
        found = f"not ready ({answer.status_code}): registry {told.get('registry', 'unknown')}"
        yield Finding(
            "prediction", "error", f"{url} is {found}", "see its log: it reads MLflow and the database itself"
        )
        return
    listed = ", ".join(f"{name} {version}" for name, version in serving.items()) or "no release yet"
    yield Finding("prediction", "ok", f"{url} serves {listed}")
    if told.get("registry", "ok") != "ok":
        yield Finding("prediction registry", "warning", str(told["registry"]), "it serves what it knew: check MLflow")
    if told.get("refused"):
        refused = ", ".join(told["refused"])
        yield Finding("refused releases", "error", f"the service does not serve {refused}", "`ratchet status`, its log")
    for problem, champion in _champions(settings).items():
        if champion is not None and serving.get(problem) not in (champion, None):
            found = f"{problem} {serving[problem]} is served, {champion} is champion"
            yield Finding("served release", "warning", found, "it follows within seconds, or a rollout is under way")


def _champions(settings: Settings) -> dict[str, int | None]:
    if not settings.tracking_uri.startswith("http"):
        return {}
    reader = RestReader(settings.tracking_uri)
    try:
        return reader.champions()
    finally:
        reader.close()


def _evidently(settings: Settings, client: httpx.Client, url: str) -> Iterator[Finding]:
    told = client.get(f"{url}/api/version").json()
    yield _version("evidently", str(told.get("version", told) if isinstance(told, dict) else told), url)
