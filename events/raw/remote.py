"""Purchase files in object storage (`s3://…`, or whatever else fsspec knows): listed there, copied while they are read.

Credentials, regions and endpoints come from the environment, as each storage's own library reads it (for S3:
`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_ENDPOINT_URL`); none stands in a parameter.
"""

from __future__ import annotations

import contextlib
import hashlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contracts.errors import RegularsError, SourceError


@dataclass(frozen=True)
class RemoteFile:
    """A file in object storage: `name` is its path below the folder, `digest` changes with its content."""

    url: str
    name: str
    digest: str


def is_remote(path: str | Path) -> bool:
    """Whether a path names a storage rather than this machine's disk.

    >>> is_remote("s3://shop/sales"), is_remote("data/sales")
    (True, False)
    """
    return "://" in str(path)


def find_remote(url: str) -> list[RemoteFile]:
    """Every file below a folder in storage, or the one file, sorted by name; files of no bytes are passed over.

    The digest is that of the storage's own checksum and the size, so that known files are not read to be recognised;
    where the storage has none, of the bytes.

    Raises:
        SourceError: the storage cannot be reached, or refuses.
    """
    with _refusals_told(url):
        system, root = _opened(url)
        found: dict[str, dict[str, Any]] = system.find(root, detail=True)
        files = [(_below(root, path), path, info) for path, info in found.items() if info.get("size")]
        return [
            RemoteFile(system.unstrip_protocol(path), name, _digest(system, path, info))
            for name, path, info in sorted(files, key=lambda file: file[0])
        ]


def _opened(url: str) -> tuple[Any, str]:
    from fsspec.core import url_to_fs

    system, root = url_to_fs(url)
    system.invalidate_cache()
    return system, str(root)


def _below(root: str, path: str) -> str:
    return path.removeprefix(root).lstrip("/") or path.rsplit("/", 1)[-1]


def _digest(system: Any, path: str, info: dict[str, Any]) -> str:
    mark = info.get("ETag") or info.get("md5Hash") or info.get("content_md5")
    if mark:
        return hashlib.sha256(f"{mark}:{info['size']}".encode()).hexdigest()
    with system.open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextlib.contextmanager
def local_copy(url: str, name: str) -> Iterator[Path]:
    """A copy of a remote file on this machine's disk, gone afterwards: each of its bytes crosses the network once.

    Raises:
        SourceError: the file cannot be fetched.
    """
    with tempfile.TemporaryDirectory(prefix="regulars-") as folder:
        copy = Path(folder) / Path(name).name
        with _refusals_told(url):
            system, path = _opened(url)
            system.get_file(path, str(copy))
        yield copy


@contextlib.contextmanager
def _refusals_told(url: str) -> Iterator[None]:
    """Tell what a storage refuses as one `SourceError`, without credentials."""
    try:
        yield
    except RegularsError:
        raise
    except Exception as error:  # each storage's package has errors of its own, and no root in common
        raise SourceError(_told(url, error)) from error


def _told(url: str, error: Exception) -> str:
    why = " ".join(str(error).split())[:160] or type(error).__name__
    return f"expected to read {url}, got: {why}; check ingest.path and the storage's credentials in the environment"
