"""What serving needs to know of the registry, read-only and lean: who is champion, and its bundle.

`RestReader` speaks MLflow's REST API by httpx alone (an import of 0.1 s instead of 1.6 s, and 200 MB less);
`LocalReader` opens the embedded store through `stores.registry`, and with it MLflow.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote, unquote, urlsplit

import httpx

from pipelines.core.errors import ModelFileError, NotFound, Unavailable
from pipelines.core.settings import Settings
from pipelines.stores.bundle import verify
from pipelines.stores.release_info import DIGEST, MANIFEST_DIGEST, RUN_KEY, ReleaseInfo

if TYPE_CHECKING:
    from pipelines.stores.registry import Registry

_API = "/api/2.0/mlflow"
_ABSENT = {
    "RESOURCE_DOES_NOT_EXIST",
    "INVALID_PARAMETER_VALUE",
}  # MLflow's words for an alias that is not set


class RegistryReader(Protocol):
    """What both readers do; every method raises Unavailable when the registry does not answer."""

    def champions(self) -> dict[str, int | None]:
        """Every registered problem with its champion's version, None where none has been released."""

    def champion(self, problem: str) -> ReleaseInfo | None:
        """The release that the alias `champion` points to."""

    def problems(self) -> list[str]:
        """Names of all registered problems, sorted."""

    def fetch(self, release: ReleaseInfo, into: Path) -> Path:
        """The release's bundle as the new folder `into`, every file verified against its manifest."""

    def close(self) -> None:
        """Let go of connections."""


def open_reader(settings: Settings) -> RegistryReader:
    """The lean reader where an MLflow server is known, else the one for the embedded store."""
    url = settings.mlflow_url or settings.tracking_uri
    return RestReader(url) if url.startswith(("http://", "https://")) else LocalReader(settings)


class RestReader:
    """The registry behind an MLflow server's REST API."""

    def __init__(self, mlflow_url: str, timeout: float = 5.0) -> None:
        self._url = mlflow_url.rstrip("/")
        self._http = httpx.Client(timeout=timeout, trust_env=False)

    def close(self) -> None:
        """Let go of connections."""
        self._http.close()

    def champions(self) -> dict[str, int | None]:
        """Every registered problem with its champion's version, in one request."""
        found: dict[str, int | None] = {}
        query: dict[str, Any] = {"max_results": 1000}
        while True:
            answer = self._get(f"{_API}/registered-models/search", query)
            for model in answer.get("registered_models", []):
                aliases = {alias["alias"]: int(alias["version"]) for alias in model.get("aliases", [])}
                found[model["name"]] = aliases.get("champion")
            query["page_token"] = answer.get("next_page_token")
            if not query["page_token"]:
                return dict(sorted(found.items()))

    def problems(self) -> list[str]:
        """Names of all registered problems, sorted."""
        return list(self.champions())

    def champion(self, problem: str) -> ReleaseInfo | None:
        """The release that the alias `champion` points to."""
        try:
            query = {"name": problem, "alias": "champion"}
            answer = self._get(f"{_API}/registered-models/alias", query)
        except NotFound:
            return None
        return _release(answer["model_version"])

    def fetch(self, release: ReleaseInfo, into: Path) -> Path:
        """The release's bundle as the new folder `into`, every file verified against its manifest."""
        query = {"name": release.problem, "version": str(release.version)}
        source = self._place(self._get(f"{_API}/model-versions/get-download-uri", query)["artifact_uri"])
        parts = urlsplit(source)
        try:
            if parts.scheme == "mlflow-artifacts":
                self._download(unquote(parts.path).strip("/"), into)
            else:
                _copy(source, into)
            verify(into, release.tags.get(MANIFEST_DIGEST))
        except ModelFileError:
            shutil.rmtree(into, ignore_errors=True)
            raise
        return into

    def _place(self, source: str) -> str:
        """Where the artifacts of a run or of a logged model lie; other addresses as they are."""
        scheme, _, rest = source.partition(":/")
        name, _, path = rest.strip("/").partition("/")
        if scheme == "runs":
            run = self._get(f"{_API}/runs/get", {"run_id": name})["run"]
            return f"{run['info']['artifact_uri'].rstrip('/')}/{path}"
        if scheme == "models":
            model = self._get(f"{_API}/logged-models/{quote(name)}", {})["model"]
            return str(model["info"]["artifact_uri"])
        return source

    def _download(self, source: str, into: Path) -> None:
        """Every file below `source` in the server's artifact store."""
        listed = self._get("/api/2.0/mlflow-artifacts/artifacts", {"path": source}).get("files", [])
        into.mkdir(parents=True, exist_ok=True)
        for entry in listed:
            name = unquote(entry["path"]).rsplit("/", 1)[-1]
            if name in ("", ".", ".."):
                raise ModelFileError(f"the artifact store lists a file with the name {name!r} in {source}")
            if entry.get("is_dir"):
                self._download(f"{source}/{name}", into / name)
            else:
                content = self._answer(f"/api/2.0/mlflow-artifacts/artifacts/{quote(f'{source}/{name}')}", {})
                (into / name).write_bytes(content.content)

    def _get(self, path: str, query: Mapping[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = self._answer(path, query).json()
        return answer

    def _answer(self, path: str, query: Mapping[str, Any]) -> httpx.Response:
        try:
            asked = {name: value for name, value in query.items() if value is not None}
            response = self._http.get(self._url + path, params=asked)
        except httpx.HTTPError as error:
            raise Unavailable(f"MLflow at {self._url} does not answer ({error}): is it up?") from error
        if response.is_success:
            return response
        if response.status_code in (400, 404) and _error_code(response) in _ABSENT:
            raise NotFound(f"MLflow at {self._url} knows no {query}")
        raise Unavailable(f"MLflow at {self._url} answered {response.status_code} to {path}: see its log")


class LocalReader:
    """The registry in the embedded store; MLflow is imported on first use."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._opened: Registry | None = None

    def close(self) -> None:
        """Nothing is held."""

    def champions(self) -> dict[str, int | None]:
        """Every registered problem with its champion's version, None where none has been released."""
        releases = {problem: self.champion(problem) for problem in self.problems()}
        return {name: None if release is None else release.version for name, release in releases.items()}

    def problems(self) -> list[str]:
        """Names of all registered problems, sorted."""
        return sorted(self._registry().problems())

    def champion(self, problem: str) -> ReleaseInfo | None:
        """The release that the alias `champion` points to."""
        return self._registry().champion(problem)

    def fetch(self, release: ReleaseInfo, into: Path) -> Path:
        """The release's bundle as the new folder `into`, every file verified against its manifest."""
        return self._registry().fetch(release, into)

    def _registry(self) -> Registry:
        if self._opened is None:
            from pipelines.stores.registry import Registry

            self._opened = Registry(self._settings)
        return self._opened


def _release(version: Mapping[str, Any]) -> ReleaseInfo:
    """A release as MLflow's REST API describes a model version."""
    tags = {tag["key"]: tag["value"] for tag in version.get("tags", [])}
    return ReleaseInfo(
        problem=version["name"],
        version=int(version["version"]),
        run_id=version.get("run_id", ""),
        source=version.get("source", ""),
        digest=tags.get(DIGEST, ""),
        run_key=tags.get(RUN_KEY, ""),
        aliases=tuple(version.get("aliases", ())),
        tags=tags,
        created_at=version.get("creation_timestamp", 0) / 1000,
    )


def _copy(source: str, into: Path) -> None:
    """A bundle that lies on this machine's own disk."""
    parts = urlsplit(source)
    if parts.scheme not in ("", "file"):
        raise Unavailable(
            f"the bundle lies at {source}, which only MLflow's server can read: "
            "start it with --serve-artifacts, or with an artifact folder that this machine sees"
        )
    folder = Path(unquote(parts.path))
    if not folder.is_dir():
        raise ModelFileError(f"the bundle {folder} is not there: train again, or restore MLflow's artifacts")
    shutil.copytree(folder, into)


def _error_code(response: httpx.Response) -> str:
    try:
        return str(response.json().get("error_code"))
    except ValueError:
        return ""
