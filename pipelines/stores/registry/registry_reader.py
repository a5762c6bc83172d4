"""What serving needs to know of the registry, read-only and lean: who is champion, and its bundle.

`RestReader` speaks MLflow's REST API by httpx alone (an import of 0.1 s instead of 1.6 s, and 200 MB less);
`LocalReader` reads the embedded store's SQLite file; `MlflowReader`, for every other store, opens it with MLflow.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote, unquote, urlsplit

import httpx

from pipelines.core.errors import ModelFileError, NotFound, Unavailable
from pipelines.core.settings import Settings
from pipelines.stores.bundles.bundle_folders import copy_folder, local_folder, verified
from pipelines.stores.bundles.release_info import DIGEST, RUN_KEY, ReleaseInfo
from pipelines.stores.registry.local_registry import SCHEME, LocalReader

if TYPE_CHECKING:
    from pipelines.stores.registry.registry import Registry

__all__ = ["LocalReader", "MlflowReader", "RegistryReader", "RestReader", "open_reader"]

_API = "/api/2.0/mlflow"
_ARTIFACT_SECONDS = 60.0  # the server may have to bring a file from S3 first
_ABSENT = {
    "RESOURCE_DOES_NOT_EXIST",
    "INVALID_PARAMETER_VALUE",
}  # MLflow's words for an alias that is not set


class RegistryReader(Protocol):
    """What both readers do; every method raises Unavailable when the registry does not answer."""

    def aliases(self) -> dict[str, dict[str, int]]:
        """Every registered problem with the versions that its aliases point to, sorted."""

    def champions(self) -> dict[str, int | None]:
        """Every registered problem with its champion's version, None where none has been released."""

    def release(self, problem: str, version: int) -> ReleaseInfo:
        """One release; NotFound if there is none."""

    def champion(self, problem: str) -> ReleaseInfo | None:
        """The release that the alias `champion` points to."""

    def problems(self) -> list[str]:
        """Names of all registered problems, sorted."""

    def fetch(self, release: ReleaseInfo, into: Path) -> Path:
        """The release's bundle as the new folder `into`, every file verified against its manifest."""

    def close(self) -> None:
        """Let go of connections."""


def open_reader(settings: Settings) -> RegistryReader:
    """The reader of the MLflow server where one is known, else the one that suits the embedded store."""
    url = settings.mlflow_url or settings.tracking_uri
    if url.startswith(("http://", "https://")):
        return RestReader(url)
    return LocalReader(settings) if url.startswith(SCHEME) else MlflowReader(settings)


class RestReader:
    """The registry behind an MLflow server's REST API."""

    def __init__(self, mlflow_url: str, timeout: float = 5.0) -> None:
        self._url = mlflow_url.rstrip("/")
        self._http = httpx.Client(timeout=timeout, trust_env=False)

    def close(self) -> None:
        """Let go of connections."""
        self._http.close()

    def aliases(self) -> dict[str, dict[str, int]]:
        """Every registered problem with the versions that its aliases point to, in one request."""
        found: dict[str, dict[str, int]] = {}
        query: dict[str, Any] = {"max_results": 1000}
        while True:
            answer = self._get(f"{_API}/registered-models/search", query)
            for model in answer.get("registered_models", []):
                given = sorted((one["alias"], int(one["version"])) for one in model.get("aliases", []))
                found[model["name"]] = dict(given)
            query["page_token"] = answer.get("next_page_token")
            if not query["page_token"]:
                return dict(sorted(found.items()))

    def champions(self) -> dict[str, int | None]:
        """Every registered problem with its champion's version, None where none has been released."""
        return {problem: known.get("champion") for problem, known in self.aliases().items()}

    def release(self, problem: str, version: int) -> ReleaseInfo:
        """One release; NotFound if there is none."""
        answer = self._get(f"{_API}/model-versions/get", {"name": problem, "version": str(version)})
        return _release(answer["model_version"])

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

        def bring() -> None:
            if parts.scheme == "mlflow-artifacts":
                self._download(unquote(parts.path).strip("/"), into)
            else:
                copy_folder(_reachable(source), into)

        return verified(release, into, bring)

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
                path = f"/api/2.0/mlflow-artifacts/artifacts/{quote(f'{source}/{name}')}"
                (into / name).write_bytes(self._answer(path, {}, _ARTIFACT_SECONDS).content)

    def _get(self, path: str, query: Mapping[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = self._answer(path, query).json()
        return answer

    def _answer(self, path: str, query: Mapping[str, Any], seconds: float | None = None) -> httpx.Response:
        try:
            asked = {name: value for name, value in query.items() if value is not None}
            response = self._http.get(self._url + path, params=asked, timeout=seconds or self._http.timeout)
        except httpx.HTTPError as error:
            raise Unavailable(f"MLflow at {self._url} does not answer ({error}): is it up?") from error
        if response.is_success:
            return response
        if response.status_code in (400, 404) and _error_code(response) in _ABSENT:
            raise NotFound(f"MLflow at {self._url} knows no {query}")
        raise Unavailable(f"MLflow at {self._url} answered {response.status_code} to {path}: see its log")


class MlflowReader:
    """The registry in a store that MLflow itself must open, such as PostgreSQL; MLflow is imported on first use."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def close(self) -> None:
        """Nothing is held."""

    def aliases(self) -> dict[str, dict[str, int]]:
        """Every registered problem with the versions that its aliases point to."""
        registry = self._registry
        called = {problem: registry.releases(problem) for problem in registry.problems()}
        return {
            problem: dict(sorted((alias, one.version) for one in releases for alias in one.aliases))
            for problem, releases in called.items()
        }

    def champions(self) -> dict[str, int | None]:
        """Every registered problem with its champion's version, None where none has been released."""
        return {problem: known.get("champion") for problem, known in self.aliases().items()}

    def problems(self) -> list[str]:
        """Names of all registered problems, sorted."""
        return self._registry.problems()

    def champion(self, problem: str) -> ReleaseInfo | None:
        """The release that the alias `champion` points to."""
        return self._registry.champion(problem)

    def release(self, problem: str, version: int) -> ReleaseInfo:
        """One release; NotFound if there is none."""
        return self._registry.release(problem, version)

    def fetch(self, release: ReleaseInfo, into: Path) -> Path:
        """The release's bundle as the new folder `into`, every file verified against its manifest."""
        return self._registry.fetch(release, into)

    @cached_property
    def _registry(self) -> Registry:
        from pipelines.stores.registry.registry import Registry

        return Registry(self._settings)


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


def _reachable(source: str) -> Path:
    """The folder of a bundle that lies on this machine's own disk."""
    folder = local_folder(source)
    if folder is None:
        raise Unavailable(
            f"the bundle lies at {source}, which only MLflow's server can read: "
            "start it with --serve-artifacts, or with an artifact folder that this machine sees"
        )
    return folder


def _error_code(response: httpx.Response) -> str:
    try:
        return str(response.json().get("error_code"))
    except ValueError:
        return ""
