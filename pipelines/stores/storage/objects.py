"""Objects in S3 or in a folder, by one kind of address. The only door to s3fs."""

from __future__ import annotations

import contextlib
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pipelines.core.errors import Unavailable
from pipelines.core.settings import Settings

CONNECT_SECONDS = 5
READ_SECONDS = 60
_TRIES = 3


@dataclass(frozen=True)
class Objects:
    """A place for objects: an fsspec `filesystem` and the `root` in it that the address names."""

    url: str
    filesystem: Any
    root: str

    def path(self, *parts: str) -> str:
        """The path of an object in `filesystem`, below `root`.

        >>> Objects("s3://logs/2026", None, "logs/2026").path("flights", "01.parquet")
        'logs/2026/flights/01.parquet'
        """
        return posixpath.join(self.root, *parts)


def is_s3(url: str) -> bool:
    """Whether an address names a bucket; else it is a folder.

    >>> is_s3("s3://bucket/prefix"), is_s3("/srv/archive")
    (True, False)
    """
    return url.startswith("s3://")


def open_objects(settings: Settings, url: str) -> Objects:
    """The place that an address names: `s3://bucket/prefix`, or a folder, which is made when it is written to.

    Nothing is asked of the server yet. Use it inside `reaching(url)`, which says what failed in our words.
    """
    if not is_s3(url):
        from fsspec.implementations.local import LocalFileSystem

        folder = Path(url.removeprefix("file://")).expanduser().absolute()
        return Objects(url, LocalFileSystem(auto_mkdir=True, skip_instance_cache=True), str(folder))
    from s3fs import S3FileSystem

    parts = urlsplit(url)
    if not parts.netloc:
        raise Unavailable(f"{url!r} names no bucket: an address is s3://bucket/prefix")
    filesystem = S3FileSystem(
        endpoint_url=settings.s3_endpoint,
        config_kwargs={
            "connect_timeout": CONNECT_SECONDS,
            "read_timeout": READ_SECONDS,
            "retries": {"max_attempts": _TRIES, "mode": "standard"},
        },
        # Listings are asked for anew: other processes write to the same place.
        use_listings_cache=False,
        skip_instance_cache=True,
    )
    filesystem.retries = _TRIES
    return Objects(url, filesystem, f"{parts.netloc}{parts.path}".rstrip("/"))


def make_bucket(settings: Settings, url: str) -> bool:
    """Make the bucket (or folder) of an address where it is missing; says whether it was."""
    place = open_objects(settings, url)
    top = place.root.split("/", 1)[0] if is_s3(url) else place.root
    with reaching(url):
        if place.filesystem.exists(top):
            return False
        with contextlib.suppress(FileExistsError):  # another process was quicker
            place.filesystem.mkdir(top) if is_s3(url) else place.filesystem.makedirs(top, exist_ok=True)
    return True


@contextlib.contextmanager
def reaching(url: str) -> Iterator[None]:
    """Tell failures of the S3 server in our words: Unavailable with what to look at; a missing object stays an OSError.

    FileNotFoundError passes through, and of a bucket FileExistsError: they are answers.
    """
    if not is_s3(url):
        with _reaching_folder(url):
            yield
        return
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

    try:
        yield
    except (FileNotFoundError, FileExistsError):
        raise
    except PermissionError as error:
        advice = "check the credentials (AWS_SHARED_CREDENTIALS_FILE or AWS_*)"
        raise Unavailable(f"{url} refuses: {error}; {advice}") from error
    except NoCredentialsError as error:
        advice = "set AWS_SHARED_CREDENTIALS_FILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        raise Unavailable(f"no credentials for {url}: {advice}") from error
    except (BotoCoreError, ClientError, OSError) as error:
        raise Unavailable(
            f"{url} cannot be used: {error}; check RATCHET_S3_ENDPOINT and that the server runs"
        ) from error


@contextlib.contextmanager
def _reaching_folder(folder: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise Unavailable(f"{folder} cannot be used: {error}; make it writable, with free space") from error
