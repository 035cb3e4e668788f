"""Which letters a text file is written in, decided over all of it: its first sample may be plain ASCII."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from charset_normalizer import from_bytes

from contracts.errors import SourceError
from events.raw.unpacking import BLOCK_BYTES, damage_told, guarded

# The longer mark stands first: UTF-32 LE begins as UTF-16 LE does.
MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
BINARY_STARTS = (b"%PDF", b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"SQLite format 3", b"Rar!", b"7z\xbc\xaf", b"\x7fELF")
CONTROLS = bytes(code for code in range(32) if code not in b"\t\n\v\f\r\x1a\x1b")
MAX_CONTROL_SHARE = 0.05
SAMPLE_BYTES = 1 << 16
EMPTY = "expected a line of column names and rows, got an empty file; export it again"


@dataclass(frozen=True)
class Encoding:
    """A codec's name, and whether some bytes of the file do not fit it (their lines are marked)."""

    name: str
    has_bad_bytes: bool


def _share(sample: bytes, wanted: bytes) -> float:
    return (len(sample) - len(sample.translate(None, wanted))) / max(1, len(sample))


def _utf16_without_mark(sample: bytes) -> str:
    """UTF-16 of mostly Western text has a zero in nearly every other byte, always on the same side."""
    left, right = _share(sample[0::2], b"\0"), _share(sample[1::2], b"\0")
    if right > 0.4 and left < 0.05:
        return "utf-16-le"
    return "utf-16-be" if left > 0.4 and right < 0.05 else ""


def _refuse_binary(sample: bytes, name: str) -> None:
    if sample.startswith(BINARY_STARTS) or _share(sample, CONTROLS) > MAX_CONTROL_SHARE:
        raise SourceError(f"{name}: expected text (CSV), Parquet or .xlsx, got binary data; export it again as CSV")
    if sample.lstrip()[:200].lower().startswith((b"<!doctype html", b"<html", b"<table", b"<?xml")):
        raise SourceError(f"{name}: expected text (CSV), Parquet or .xlsx, got a web page or XML; export it as CSV")


def _blocks(path: Path, name: str) -> Iterator[bytes]:
    """The file in blocks that end with a line (the guard bounds lines, so a block is never large)."""
    rest = b""
    with guarded(path, name) as stream:
        while block := stream.read(BLOCK_BYTES):
            both = rest + block
            end = max(both.rfind(b"\n"), both.rfind(b"\r")) + 1
            rest = both[end:]
            if end:
                yield both[:end]
    if rest:
        yield rest


def _fits(block: bytes, codec: str) -> bool:
    try:
        block.decode(codec)
    except UnicodeDecodeError:
        return False
    return True


@dataclass
class _Count:
    """Lines with letters beyond ASCII: those that are UTF-8, and those that are not (with a sample of the latter)."""

    n_utf8: int = 0
    n_other: int = 0
    sample: bytes = b""

    def add(self, block: bytes) -> None:
        if block.isascii():
            return
        for line in block.splitlines(keepends=True):
            if line.isascii():
                continue
            if _fits(line, "utf-8"):
                self.n_utf8 += 1
                continue
            self.n_other += 1
            if len(self.sample) < SAMPLE_BYTES:
                self.sample += line


def _eight_bit(sample: bytes) -> str:
    """Windows-1252 or Latin-1, whichever reads more sensibly; Windows' where both do."""
    best = from_bytes(sample, cp_isolation=["cp1252", "latin_1"], enable_fallback=False).best()
    return "cp1252" if best is None or _fits(sample, "cp1252") else best.encoding


def _whole_file(path: Path, name: str) -> Encoding:
    count = _Count()
    for block in _blocks(path, name):
        if not _fits(block, "utf-8"):
            count.add(block)
        elif not block.isascii():
            count.n_utf8 += len(block.splitlines())
    if not count.n_other:
        return Encoding("utf-8", has_bad_bytes=False)
    if count.n_utf8 > count.n_other:
        return Encoding("utf-8", has_bad_bytes=True)
    return Encoding(_eight_bit(count.sample), has_bad_bytes=True)


def _marked(path: Path, name: str, codec: str) -> Encoding:
    """A file whose encoding is known: read through once for bytes that do not fit it."""
    decoder = codecs.getincrementaldecoder(codec)()
    try:
        with guarded(path, name) as stream:
            while block := stream.read(BLOCK_BYTES):
                decoder.decode(block)
            decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return Encoding(codec, has_bad_bytes=True)
    return Encoding(codec, has_bad_bytes=False)


def encoding_of(path: Path, name: str) -> Encoding:
    """The encoding of a text file: by its mark, as UTF-16 without one, as UTF-8 if it is, else Windows-1252 or Latin-1.

    A few broken bytes in a file that is mostly UTF-8 stay broken bytes: their lines are marked, not the file misread.

    Raises:
        SourceError: the file is empty, binary, or breaks off.
    """
    with damage_told(name, "compressed"), guarded(path, name) as stream:
        sample = stream.read(SAMPLE_BYTES)
    if not sample.strip():
        raise SourceError(f"{name}: {EMPTY}")
    with damage_told(name, "compressed"):
        for mark, codec in MARKS:
            if sample.startswith(mark):
                return _marked(path, name, codec)
        if codec := _utf16_without_mark(sample):
            return _marked(path, name, codec)
        _refuse_binary(sample, name)
        return _whole_file(path, name)
