"""Random passwords and keys of the stack, as files, one folder (a volume) for each service that needs some.

Made once, at the first start; a second run changes nothing. Each volume is mounted, read-only, by the containers of its
service alone: that, not the mode of a file, keeps one service's passwords from another.
"""

from __future__ import annotations

import json
import secrets
import sys
from pathlib import Path

DATABASES = ("ratchet", "mlflow", "prefect")
BUCKETS = {"artifacts": "ratchet-artifacts", "data": "ratchet-data", "log": "ratchet-log"}
DONE = ".made"


def make_secrets(root: Path) -> bool:
    """Write every folder's files below `root`; False when they were there. A kill in between makes all of them anew."""
    if (root / "postgres" / DONE).exists():
        return False
    passwords = {name: secrets.token_urlsafe(24) for name in ("postgres", *DATABASES)}
    keys = {name: (secrets.token_hex(10), secrets.token_urlsafe(30)) for name in ("ratchet", "mlflow", "reader")}
    files = {
        "postgres": {f"{name}_password": password for name, password in passwords.items()},
        "s3": {"s3.json": _s3_identities(keys)},
        "mlflow": {
            "mlflow_database_url": _url("postgresql+psycopg", "mlflow", passwords),
            "aws_credentials": _aws(keys["mlflow"]),
        },
        "prefect": {"prefect_database_url": _url("postgresql+asyncpg", "prefect", passwords)},
        "ratchet": {
            "ratchet_database_url": _url("postgresql+psycopg", "ratchet", passwords),
            "aws_credentials": _aws(keys["ratchet"]),
        },
        "prediction": {
            "ratchet_database_url": _url("postgresql+psycopg", "ratchet", passwords),
            "aws_credentials": _aws(keys["reader"]),
        },
        "grafana": {"admin_password": secrets.token_urlsafe(18)},
    }
    for folder, contents in files.items():
        for name, content in contents.items():
            _write(root / folder / name, content + "\n")
    _write(root / "postgres" / DONE, "")  # last: its presence says that all of them are there
    return True


def _url(scheme: str, name: str, passwords: dict[str, str]) -> str:
    return f"{scheme}://{name}:{passwords[name]}@postgres:5432/{name}"


def _aws(key: tuple[str, str]) -> str:
    return f"[default]\naws_access_key_id = {key[0]}\naws_secret_access_key = {key[1]}"


def _s3_identities(keys: dict[str, tuple[str, str]]) -> str:
    """Who may do what on the S3 server: the platform all, MLflow its artifacts, the service reads sealed rows."""
    may = {
        "ratchet": ["Admin"],
        "mlflow": [f"{verb}:{BUCKETS['artifacts']}" for verb in ("Read", "Write", "List", "Tagging")],
        "reader": [f"{verb}:{BUCKETS['log']}" for verb in ("Read", "List")],
    }
    credentials = {name: [{"accessKey": key[0], "secretKey": key[1]}] for name, key in keys.items()}
    identities = [{"name": name, "credentials": credentials[name], "actions": may[name]} for name in may]
    return json.dumps({"identities": identities}, indent=2)


def _write(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.write_text(content)
    part.chmod(0o444)
    part.replace(path)


if __name__ == "__main__":
    made = make_secrets(Path(sys.argv[1] if len(sys.argv) > 1 else "/secrets"))
    print("made passwords and keys" if made else "the passwords and keys of the first start stand")  # noqa: T201
