"""Files as streams of bytes: what a file really is by its first bytes, compression undone, damage told in one line."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import hashlib
import io
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Literal, cast

import pyarrow as pa

from contracts.errors import SourceError

Kind = Literal["text", "parquet", "excel"]
Packing = Literal["", "gz", "bz2", "xz", "zst", "zip"]

BLOCK_BYTES = 1 << 20
MAX_LINE_BYTES = 1 << 24
START_BYTES = 16
PACKING_STARTS: dict[Packing, bytes] = {
    "gz": b"\x1f\x8b",
    "xz": b"\xfd7zXZ\x00",
    "zst": b"\x28\xb5\x2f\xfd",
    "zip": b"PK\x03\x04",
}
OLE_START = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
PARQUET_START = b"PAR1"
EXCEL_MEMBER = "xl/workbook.xml"
DAMAGE = (EOFError, OSError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, NotImplementedError, pa.ArrowException)


@contextlib.contextmanager
def damage_told(name: str, what: str) -> Iterator[None]:
    """Tell whatever a reader stumbles over as one `SourceError` that names the file and shows none of its contents."""
    try:
        yield
    except PermissionError as error:
        raise SourceError(f"{name}: expected a file that may be read, got no permission; change its rights") from error
    except DAMAGE as error:
        raise SourceError(
            f"{name}: expected a whole {what} file, got one that is damaged or breaks off; export or copy it again"
        ) from error


def start_of(path: Path) -> bytes:
    """The first bytes of a file, as many as name its kind."""
    with path.open("rb") as stream:
        return stream.read(START_BYTES)


def digest_of(path: Path) -> str:
    """SHA-256 of a file's bytes, read as a stream."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def packing_of(start: bytes) -> Packing:
    """How a file with these first bytes is compressed; its name does not count."""
    if start.startswith(b"BZh") and start[4:10] == b"1AY&SY":
        return "bz2"
    return next((packing for packing, magic in PACKING_STARTS.items() if start.startswith(magic)), "")


def kind_of(path: Path, name: str) -> Kind:
    """What a file is by its first bytes: Parquet, an Excel workbook, or (maybe compressed) text."""
    start = start_of(path)
    if start.startswith(PARQUET_START):
        return "parquet"
    if start.startswith(OLE_START):
        raise SourceError(
            f"{name}: expected an .xlsx workbook, got an old .xls or one with a password; save it as .xlsx without one"
        )
    if packing_of(start) == "zip":
        with damage_told(name, ".xlsx" if name.lower().endswith(".xlsx") else ".zip"), zipfile.ZipFile(path) as pack:
            return "excel" if EXCEL_MEMBER in pack.namelist() else "text"
    return "text"


def _zip_member(path: Path, name: str) -> IO[bytes]:
    pack = zipfile.ZipFile(path)
    members = [
        info
        for info in pack.infolist()
        if not info.is_dir() and not any(part.startswith((".", "__MACOSX")) for part in info.filename.split("/"))
    ]
    if len(members) != 1:
        raise SourceError(f"{name}: expected a .zip with one file, got {len(members)}; unpack it into the folder")
    if members[0].flag_bits & 1:
        raise SourceError(f"{name}: expected a .zip without a password, got one with; unpack it into the folder")
    return pack.open(members[0])


class _ArrowStream(io.RawIOBase):
    """Arrow's decompressing stream as one of Python's; a stream that ends within a frame is refused."""

    def __init__(self, path: Path) -> None:
        self._stream = pa.CompressedInputStream(pa.OSFile(str(path)), "zstd")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(cast(bytearray, buffer))
        block = self._stream.read(len(view))
        view[: len(block)] = block
        return len(block)


def unpacked(path: Path, name: str) -> IO[bytes]:
    """The bytes of a file with its compression undone, as a stream."""
    match packing_of(start_of(path)):
        case "gz":
            return cast(IO[bytes], gzip.open(path))
        case "bz2":
            return bz2.open(path)
        case "xz":
            return lzma.open(path)
        case "zst":
            return cast(IO[bytes], io.BufferedReader(_ArrowStream(path), BLOCK_BYTES))
        case "zip":
            return _zip_member(path, name)
        case _:
            return path.open("rb")


class LineGuard(io.RawIOBase):
    """A stream that refuses to go on when no line ends for `MAX_LINE_BYTES`: memory stays bounded."""

    def __init__(self, stream: IO[bytes], name: str) -> None:
        self._stream = stream
        self._name = name
        self._since_line_end = 0

    def readable(self) -> bool:
        """As every stream here."""
        return True

    def close(self) -> None:
        """Close the stream below too."""
        self._stream.close()
        super().close()

    def readinto(self, buffer: object) -> int:
        """Fill the buffer as far as one read goes."""
        view = memoryview(cast(bytearray, buffer))
        block = self._stream.read(len(view))
        view[: len(block)] = block
        self._count(block)
        return len(block)

    def _count(self, block: bytes) -> None:
        last = max(block.rfind(b"\n"), block.rfind(b"\r"))
        self._since_line_end = len(block) - last - 1 if last >= 0 else self._since_line_end + len(block)
        if self._since_line_end > MAX_LINE_BYTES:
            raise SourceError(
                f"{self._name}: expected lines of text, got {MAX_LINE_BYTES:,} bytes without a line end; "
                "export it again as CSV"
            )


def guarded(path: Path, name: str) -> io.BufferedReader:
    """The unpacked bytes of a text file, with lines of bounded length."""
    return io.BufferedReader(LineGuard(unpacked(path, name), name), BLOCK_BYTES)
