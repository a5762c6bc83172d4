"""The aliases behind an MLflow server, read and set by its REST API, without MLflow."""

from __future__ import annotations

import httpx

from pipelines.core.errors import NotFound, Unavailable
from pipelines.stores.bundles.release_info import ReleaseInfo
from pipelines.stores.registry.registry_reader import RestReader

_API = "/api/2.0/mlflow/registered-models/alias"
_TAGS = "/api/2.0/mlflow/model-versions/set-tag"


class RestAliases(RestReader):
    """Aliases behind an MLflow server."""

    def by_alias(self, problem: str, alias: str) -> ReleaseInfo | None:
        """The release that the alias points to, if there is one."""
        try:
            found = self._get(_API, {"name": problem, "alias": alias})["model_version"]
        except NotFound:
            return None
        return self.release(problem, int(found["version"]))

    def release(self, problem: str, version: int) -> ReleaseInfo:
        """One release; NotFound if there is none."""
        try:
            return super().release(problem, version)
        except NotFound:
            raise NotFound(f"{problem} has no version {version}: see `ratchet releases {problem}`") from None

    def set_alias(self, problem: str, alias: str, version: int) -> None:
        """Point an alias to a version."""
        self._change("POST", _API, {"name": problem, "alias": alias, "version": str(version)})

    def drop_alias(self, problem: str, alias: str) -> None:
        """Take an alias away; nothing happens when it is not set."""
        self._change("DELETE", _API, {"name": problem, "alias": alias})

    def set_tag(self, problem: str, version: int, name: str, value: str) -> None:
        """Put a tag on a version."""
        self._change("POST", _TAGS, {"name": problem, "version": str(version), "key": name, "value": value})

    def _change(self, method: str, path: str, content: dict[str, str]) -> None:
        try:
            response = self._http.request(method, self._url + path, json=content)
        except httpx.HTTPError as error:
            raise Unavailable(f"MLflow at {self._url} does not answer ({error}): is it up?") from error
        if not response.is_success:
            raise Unavailable(f"MLflow at {self._url} answered {response.status_code} to a change: see its log")
