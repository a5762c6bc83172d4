"""Where things are: the environment says *where* (`RATCHET_*`), the problem file says *what*."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

SECRETS = Path("/run/secrets")
"""Where containers find secrets: a file `ratchet_<name>` there is the setting of that name."""

_SECRETS = SECRETS if SECRETS.is_dir() else None
_MAIL = re.compile(r"[^@\s<>]+@[^@\s<>]+")


class Settings(BaseSettings):
    """Every setting, each an environment variable `RATCHET_<NAME>`; the defaults are the embedded stack."""

    model_config = SettingsConfigDict(
        env_prefix="RATCHET_", frozen=True, extra="forbid", env_ignore_empty=True, secrets_dir=_SECRETS
    )

    home: Path = Field(Path(".ratchet"), description="Folder of all state")
    data: Path | None = Field(None, description="Folder that holds `data/` and `data.dvc`; default: home")
    database_url: str | None = Field(None, description="Prediction log and ledger; default: SQLite in home")
    mlflow_uri: str | None = Field(None, description="MLflow store written by flows; default: SQLite in home")
    mlflow_database_url: str | None = Field(
        None,
        repr=False,
        description="PostgreSQL database of MLflow's server, for `ratchet backup` and `restore` alone: its URL, or the "
        "path of a file that holds it",
    )
    prefect_database_url: str | None = Field(
        None, repr=False, description="PostgreSQL database of Prefect's server, likewise"
    )
    mlflow_url: str | None = Field(None, description="MLflow server read by the service over REST; default: mlflow_uri")
    prefect_url: str | None = Field(None, description="Prefect API, ending in /api; default: in process")
    data_remote: str | None = Field(
        None, description="DVC remote that snapshots are pushed to and fetched from: `s3://bucket/prefix` or a folder"
    )
    s3_endpoint: str | None = Field(
        None, description="S3 server other than AWS; credentials by AWS_SHARED_CREDENTIALS_FILE or AWS_* as usual"
    )
    archive: str | None = Field(
        None, description="Sealed segments of the prediction log: `s3://bucket/prefix` or a folder; default: in home"
    )
    history_root: Path | None = Field(None, description="Folder of the history stores; default: `history` in home")
    service_url: str | None = Field(None, description="Prediction service, as clients reach it; default: of this stack")
    service_page: str | None = Field(
        None, description="Prediction service, as people reach it from outside; default: its other address"
    )
    service_replicas: str | None = Field(
        None,
        description="Address whose name stands for every replica of the service, as the console adds up their numbers; "
        "default: service_url",
    )
    service_key: str | None = Field(
        None, repr=False, description="API key, scope read, by which the console reads the service's numbers"
    )
    mlflow_page: str | None = Field(None, description="MLflow, as a browser reaches it; default: its other address")
    prefect_page: str | None = Field(None, description="Prefect, as a browser reaches it; default: its other address")
    evidently_url: str | None = Field(None, description="Evidently UI, as a browser reaches it; default: of this stack")
    dask: str | None = Field(
        None, description="Dask scheduler for search, backtests and scoring: `tcp://host:8786`, or `local:N` processes"
    )
    work_pool: str = Field("ratchet", description="Prefect work pool that the flows run in")
    work_pool_type: Literal["process", "docker", "kubernetes"] = Field(
        "process", description="How its runs are started"
    )
    flow_image: str | None = Field(None, description="Image of flow runs, for pools of type docker and kubernetes")
    host: str = Field("127.0.0.1", description="Address that every server binds to")
    service_port: int = Field(8000, ge=0, le=65535, description="Prediction service (0: any free port)")
    mlflow_port: int = Field(5000, ge=0, le=65535, description="MLflow (0: any free port)")
    prefect_port: int = Field(4200, ge=0, le=65535, description="Prefect (0: any free port)")
    evidently_port: int = Field(8001, ge=0, le=65535, description="Evidently UI (0: any free port)")
    console_port: int = Field(8002, ge=0, le=65535, description="The operators' pages (0: any free port)")
    console_url: str | None = Field(
        None, description="Address of the operators' pages, as links in notices give it; default: host and port"
    )
    alert_webhook: str | None = Field(None, description="Addresses, by comma, that every notice is posted to as JSON")
    webhook_secret: Path | None = Field(None, description="File with the secret that signs what is posted (HMAC)")
    alert_email_to: str | None = Field(None, description="Addresses, by comma, that every notice is mailed to")
    alert_email_from: str | None = Field(None, description="Sender of notices; default: ratchet@ and the host's name")
    smtp_url: str | None = Field(
        None,
        repr=False,
        description="Mail server, `smtp://`, `smtp+starttls://` or `smtps://` with `user:password@`, "
        "or the path of a file that holds it",
    )
    poll_seconds: float = Field(0.5, gt=0, le=60, description="How often the service looks for a new champion")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="How much the service logs")
    access_log: bool = Field(False, description="Whether the service logs every request, not only what went wrong")
    workers: int = Field(1, ge=1, le=64, description="Processes of the prediction service behind its one port")
    require_keys: Literal["auto", "always"] = Field(
        "auto", description="API keys: auto asks for them as soon as the service binds beyond loopback"
    )
    compile: Literal["auto", "off"] = Field("auto", description="off: serve every release by its scikit-learn pipeline")
    rehearsal: bool = Field(True, description="Serve every candidate over HTTP before the gate decides, and compare")
    max_body: int = Field(32_000_000, ge=1_000, description="Bytes that a request may carry")
    max_waiting: int = Field(512, ge=1, description="Requests in hand per process; more are turned away with 503")
    max_connections: int = Field(2_000, ge=1, description="Open connections per process; more are turned away")
    send_seconds: float = Field(10.0, gt=0, description="Time that a client may take to send its request")
    answer_seconds: float = Field(30.0, gt=0, description="Time that the service may take to answer; then 503")
    drain_seconds: float = Field(20.0, gt=0, description="Time that requests in hand have once the service is to stop")
    signing_key: Path | None = Field(None, description="Ed25519 private key (PEM) that signs each release")
    verify_key: Path | None = Field(None, description="Ed25519 public key (PEM): only releases signed by it are served")

    @field_validator("home", "data", "history_root", "signing_key", "verify_key", "webhook_secret")
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        return None if value is None else value.expanduser().absolute()

    @field_validator("alert_webhook")
    @classmethod
    def _web_addresses(cls, value: str | None) -> str | None:
        wrong = [one for one in _listed(value) if not one.startswith(("http://", "https://"))]
        if wrong:
            raise ValueError(f"{wrong[0]!r} is no web address: it must begin with https:// or http://")
        return value

    @field_validator("smtp_url")
    @classmethod
    def _absolute_file(cls, value: str | None) -> str | None:
        return value if value is None or "://" in value else str(Path(value).expanduser().absolute())

    @field_validator("alert_email_to", "alert_email_from")
    @classmethod
    def _mail_addresses(cls, value: str | None) -> str | None:
        wrong = [one for one in _listed(value) if not _MAIL.fullmatch(one)]
        if wrong:
            raise ValueError(f"{wrong[0]!r} is no mail address: name@host")
        return value

    @property
    def webhooks(self) -> list[str]:
        """Addresses that notices are posted to."""
        return _listed(self.alert_webhook)

    @property
    def mail_to(self) -> list[str]:
        """Addresses that notices are mailed to."""
        return _listed(self.alert_email_to)

    @property
    def console(self) -> str:
        """Address of the operators' pages, without a slash at its end."""
        host = "localhost" if self.host in ("0.0.0.0", "::") else self.host
        return (self.console_url or f"http://{f'[{host}]' if ':' in host else host}:{self.console_port}").rstrip("/")

    @property
    def data_root(self) -> Path:
        """Folder that holds `data/` and `data.dvc`."""
        return self.data or self.home

    @property
    def database(self) -> str:
        """SQLAlchemy URL of the prediction log and the ledger."""
        return self.database_url or f"sqlite:///{self.home / 'ratchet.db'}"

    @property
    def tracking_uri(self) -> str:
        """MLflow tracking URI that flows write to."""
        return self.mlflow_uri or f"sqlite:///{self.home / 'mlflow' / 'mlflow.db'}"

    @property
    def artifacts(self) -> Path:
        """Folder of MLflow's artifacts in the embedded default."""
        return self.home / "mlflow" / "artifacts"

    @property
    def evidently_workspace(self) -> Path:
        """Folder of the Evidently workspace."""
        return self.home / "evidently"

    def work(self, problem: str) -> Path:
        """Folder of a problem's runs: one folder per run key."""
        return self.home / "work" / problem

    def contract(self, problem: str) -> Path:
        """The contract in force for a problem."""
        return self.home / "contracts" / f"{problem}.json"

    def history(self, problem: str) -> Path:
        """Folder of the materialised history store that serving reads."""
        return (self.history_root or self.home / "history") / problem

    def last_good(self, problem: str) -> Path:
        """Folder of the service's last good copy of a release."""
        return self.home / "serving" / problem


def _listed(value: str | None) -> list[str]:
    """The parts of a list written with commas."""
    return [one.strip() for one in (value or "").split(",") if one.strip()]
