"""The one door to MLflow: runs, registered versions and the aliases `champion` and `challenger`.

Every call goes through a client of its own: no global tracking state, no `./mlruns`, nothing printed. MLflow
takes two seconds to import, so it is imported when the first call needs it.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.core.errors import ModelFileError, NotFound, Unavailable
from pipelines.core.settings import Settings
from pipelines.stores.bundles.bundle import verify
from pipelines.stores.bundles.release_info import DIGEST, MANIFEST_DIGEST, RUN_KEY, ReleaseInfo, release_info
from pipelines.stores.bundles.signing import SIGNATURE, Signer
from pipelines.stores.registry.mlflow_runs import DatasetFacts, log_run
from pipelines.stores.storage.files import digest_file, replace_folder

if TYPE_CHECKING:
    from mlflow import MlflowClient

__all__ = ["DatasetFacts", "Registry", "ReleaseInfo"]

_ABSENT = "RESOURCE_DOES_NOT_EXIST"
_NO_ALIAS = "INVALID_PARAMETER_VALUE"  # what MLflow answers for an alias that is not set


class Registry:
    """MLflow at the settings' tracking URI; Unavailable when it does not answer."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def start_run(self, problem: str, run_key: str) -> str:
        """The id of the run with this run key: found by its tag, or started."""
        with self._answering():
            experiment = self._experiment(problem)
            query = f"tags.`{RUN_KEY}` = '{run_key}'"
            found = self._client.search_runs([experiment], query, max_results=1)
            if found:
                return str(found[0].info.run_id)
            run = self._client.create_run(experiment, tags={RUN_KEY: run_key}, run_name=f"{problem}-{run_key[:8]}")
            return str(run.info.run_id)

    def log(
        self,
        run_id: str,
        params: Mapping[str, Any],
        metrics: Mapping[str, float],
        tags: Mapping[str, str],
        folder: Path | None = None,
        dataset: DatasetFacts | None = None,
        at: float = 0.0,
    ) -> None:
        """Log everything in a few calls and end the run; a run that was logged in full is left alone.

        `folder`'s files become the run's artifacts; `at` (seconds since 1970) is the metrics' time: with a
        fixed one a second attempt writes the same rows again instead of new ones.
        """
        with self._answering():
            log_run(self._client, run_id, params, metrics, tags, folder, dataset, at)

    def register(self, problem: str, run_id: str, folder: Path, digest: str, run_key: str) -> int:
        """The version of the bundle in `folder`, verified: found by its run key, or registered.

        It carries a signature where the settings name a signing key.
        """
        verify(folder)
        tags = {RUN_KEY: run_key, DIGEST: digest, MANIFEST_DIGEST: digest_file(folder / "manifest.json")}
        if self._settings.signing_key is not None:
            signer = Signer(self._settings.signing_key)
            tags[SIGNATURE] = signer.sign(problem, run_id, run_key, digest, tags[MANIFEST_DIGEST])
        with self._answering():
            self._ensure_model(problem)
            for release in self.releases(problem):
                if release.run_key == run_key:
                    return release.version
            source = self._upload(problem, run_id, folder)
            made = self._client.create_model_version(
                problem, source[0], run_id=run_id, tags=tags, await_creation_for=0, model_id=source[1]
            )
            return int(made.version)

    def champion(self, problem: str) -> ReleaseInfo | None:
        """The release that the alias `champion` points to, if there is one."""
        return self.by_alias(problem, "champion")

    def by_alias(self, problem: str, alias: str) -> ReleaseInfo | None:
        """The release that the alias points to, if there is one."""
        try:
            with self._answering(absent_codes=(_ABSENT, _NO_ALIAS)):
                return release_info(self._client.get_model_version_by_alias(problem, alias))
        except NotFound:
            return None

    def set_alias(self, problem: str, alias: str, version: int) -> None:
        """Point an alias to a version."""
        with self._answering():
            self._client.set_registered_model_alias(problem, alias, str(version))

    def drop_alias(self, problem: str, alias: str) -> None:
        """Take an alias away; nothing happens when it is not set."""
        with self._answering():
            self._client.delete_registered_model_alias(problem, alias)

    def set_tag(self, problem: str, version: int, name: str, value: str) -> None:
        """Put a tag on a version, in place of one of the same name."""
        with self._answering():
            self._client.set_model_version_tag(problem, str(version), name, value)

    def release(self, problem: str, version: int) -> ReleaseInfo:
        """One release; NotFound if there is none."""
        with self._answering(f"{problem} has no version {version}: see `ratchet releases {problem}`"):
            return release_info(self._client.get_model_version(problem, str(version)))

    def releases(self, problem: str) -> list[ReleaseInfo]:
        """All releases of a problem, newest first."""
        found: list[ReleaseInfo] = []
        token = None
        with self._answering():
            aliases = self._aliases(problem)
            while True:
                page = self._client.search_model_versions(f"name = '{problem}'", 1000, page_token=token)
                found += [release_info(one, aliases) for one in page]
                token = page.token
                if not token:
                    return sorted(found, key=lambda one: -one.version)

    def problems(self) -> list[str]:
        """Names of all problems that were ever registered, sorted."""
        names: list[str] = []
        token = None
        with self._answering():
            while True:
                page = self._client.search_registered_models(max_results=1000, page_token=token)
                names += [one.name for one in page]
                token = page.token
                if not token:
                    return sorted(names)

    def fetch(self, release: ReleaseInfo, into: Path) -> Path:
        """The release's bundle as a folder `into`, verified against the manifest that the registry knows."""
        assert self._client  # opened first: it sets what MLflow reads when it downloads
        from mlflow.artifacts import download_artifacts

        into.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(dir=into.parent, prefix=f".{into.name}."))
        try:
            with self._answering(f"the bundle of {release.problem} {release.version} is not at {release.source}"):
                download_artifacts(
                    artifact_uri=release.source, dst_path=str(made), tracking_uri=self._settings.tracking_uri
                )
            verify(_bundle_below(made), release.tags.get(MANIFEST_DIGEST))
            replace_folder(_bundle_below(made), into)
        finally:
            shutil.rmtree(made, ignore_errors=True)
        return into

    @cached_property
    def _client(self) -> MlflowClient:
        from pipelines.stores.registry.mlflow_database import open_client

        return open_client(self._settings)

    def _experiment(self, problem: str) -> str:
        found = self._client.get_experiment_by_name(problem)
        if found is not None:
            return str(found.experiment_id)
        here = None
        if not self._settings.tracking_uri.startswith("http"):
            here = (self._settings.artifacts / problem).as_uri()
        return str(self._client.create_experiment(problem, artifact_location=here))

    def _ensure_model(self, problem: str) -> None:
        from mlflow.exceptions import MlflowException

        try:
            self._client.create_registered_model(problem)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise

    def _upload(self, problem: str, run_id: str, folder: Path) -> tuple[str, str]:
        """The bundle as the run's logged model: where it lies, and the model's id."""
        experiment = self._client.get_run(run_id).info.experiment_id
        query = f"attributes.source_run_id = '{run_id}'"
        found = self._client.search_logged_models([experiment], query, max_results=1)
        model = found[0] if found else self._client.create_logged_model(experiment, problem, run_id)
        self._client.log_model_artifacts(model.model_id, str(folder))
        self._client.finalize_logged_model(model.model_id, "READY")
        return model.artifact_location, model.model_id

    def _aliases(self, problem: str) -> dict[int, tuple[str, ...]]:
        try:
            with self._answering():
                set_aliases = self._client.get_registered_model(problem).aliases
        except NotFound:
            return {}
        by_version: dict[int, tuple[str, ...]] = {}
        for alias, version in sorted(set_aliases.items()):
            by_version[int(version)] = (*by_version.get(int(version), ()), alias)
        return by_version

    @contextmanager
    def _answering(
        self,
        absent: str = "MLflow knows no such run or release",
        absent_codes: tuple[str, ...] = (_ABSENT,),
    ) -> Iterator[None]:
        """MLflow's errors as ours."""
        from mlflow.exceptions import MlflowException

        try:
            yield
        except MlflowException as error:
            if error.error_code in absent_codes:
                raise NotFound(f"{absent} ({error.message})") from error
            where = self._settings.tracking_uri
            raise Unavailable(f"MLflow at {where} does not answer ({error.message}): see `ratchet doctor`") from error


def _bundle_below(folder: Path) -> Path:
    """The downloaded bundle: MLflow puts it in the folder itself, or in a folder of the artifact's name."""
    if (folder / "manifest.json").exists():
        return folder
    found = [one.parent for one in folder.glob("*/manifest.json")]
    if len(found) != 1:
        raise ModelFileError("the registry's artifact is no bundle: it has no manifest.json; train again")
    return found[0]
