"""Files as frames: what is read, from where, and that every cell comes back as it was written."""

from __future__ import annotations

import csv
import hashlib
import io
import zipfile
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import SourceError
from events.raw import encodings, spreadsheet_files, text_files, unpacking
from events.raw.headers import BLANKS, column_names, header_at
from events.raw.parts import find_parts
from tests.broken_files import workbook

TEXT = "customer,amount\nann,12.50\nbob,3.00\n"


def all_rows(path: Path) -> pd.DataFrame:
    frames = [chunk for part in find_parts(path) for chunk in part.chunks()]
    return pd.concat(frames, ignore_index=True)


def write(path: Path, text: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_a_folder_s_files_are_found_by_suffix_or_pattern_and_sorted(tmp_path: Path) -> None:
    for name in ("b.csv", "a.CSV", "sub/c.tsv", "notes.md", ".hidden.csv", "~$lock.xlsx", ".git/d.csv", "e.dat"):
        write(tmp_path / name, TEXT)
    write(tmp_path / "zero.csv", "")
    assert [part.name for part in find_parts(tmp_path, [])] == ["a.CSV", "b.csv", "sub/c.tsv"]
    assert [part.name for part in find_parts(tmp_path, ["*.dat", "sub/*"])] == ["e.dat", "sub/c.tsv"]


def test_a_part_s_digest_is_that_of_its_bytes_and_it_can_be_read_twice(tmp_path: Path) -> None:
    part = find_parts(write(tmp_path / "a.csv", TEXT))[0]
    assert part.digest == hashlib.sha256(TEXT.encode()).hexdigest()
    assert [len(next(part.chunks())) for _ in range(2)] == [2, 2]


def test_sheets_of_one_workbook_are_parts_with_digests_of_their_own(tmp_path: Path) -> None:
    header: list[object] = ["customer", "amount"]
    data = workbook([header, ["ann", 1]], [header, ["bob", 2]], [["other", "table"], ["x", 1]])
    parts = find_parts(write(tmp_path / "years.xlsx", data))
    assert [part.name for part in parts] == ["years.xlsx#Sheet1", "years.xlsx#Sheet2"]
    assert len({part.digest for part in parts}) == 2


@pytest.mark.parametrize("name", ["none", "empty"])
def test_nothing_to_read_is_one_clear_line(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match=r"expected .*, found none; set ingest.path"):
        find_parts(tmp_path / name)


def test_rows_keep_their_line_and_are_cut_into_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_files, "BLOCK_LINES", 200)
    monkeypatch.setattr(text_files, "CHUNK_ROWS", 400)
    text = "".join(f'c{n},"a\nb"\n' if n % 5 == 0 else f"c{n},{n}\n" for n in range(2000))
    part = find_parts(write(tmp_path / "a.csv", "customer,note\n" + text))[0]
    chunks = list(part.chunks())
    assert max(map(len, chunks)) <= 400 + text_files.MAX_ROW_LINES
    rows = pd.concat(chunks, ignore_index=True)
    assert rows["customer"].tolist() == [f"c{n}" for n in range(2000)]
    assert rows["note"].tolist() == ["a\nb" if n % 5 == 0 else str(n) for n in range(2000)]
    # each multiple of 5 takes two lines
    assert rows["source_line"].tolist() == [2 + n + (n + 4) // 5 for n in range(2000)]
    assert set(rows["damage"]) == {""}


def test_an_open_quote_late_in_a_block_costs_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_files, "BLOCK_LINES", 150)
    lines = [f"c{n},{n}" for n in range(1000)]
    for bad in (140, 149, 150, 151, 620, 999):
        lines[bad] = f'"c{bad},{bad}'
    rows = all_rows(write(tmp_path / "a.csv", "customer,amount\n" + "\n".join(lines)))
    assert rows["source_line"].tolist() == list(range(2, 1002))
    assert rows.index[rows["damage"] != ""].tolist() == [140, 149, 150, 151, 620, 999]
    assert set(rows["damage"]) == {"", "unclosed_quote"}


def test_a_line_without_end_is_refused_before_memory_fills(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "MAX_LINE_BYTES", 3_000_000)
    with pytest.raises(SourceError, match="without a line end"):
        all_rows(write(tmp_path / "a.csv", "customer,amount\n" + "x" * 6_000_000))


@pytest.mark.parametrize("end", [b"\n", b"\r"])
def test_a_late_letter_decides_the_encoding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: bytes) -> None:
    monkeypatch.setattr(encodings, "BLOCK_BYTES", 64)
    plain = [b"customer,amount", *[b"x,1"] * 200]
    assert all_rows(write(tmp_path / "a.csv", end.join([*plain, b"caf\xe9,1"])))["customer"].iloc[-1] == "café"
    assert all_rows(write(tmp_path / "b.csv", end.join([*plain, "café,1".encode()])))["customer"].iloc[-1] == "café"


def test_as_many_old_letters_as_one_likes_are_read_the_same(tmp_path: Path) -> None:
    rows = all_rows(write(tmp_path / "a.csv", b"customer,amount\n" + b"caf\xe9,1\n" * 12_000))
    assert rows["customer"].unique().tolist() == ["café"]
    assert len(rows) == 12_000
    assert set(rows["damage"]) == {""}


def test_very_long_lines_are_looked_at_in_part_and_read_in_full(tmp_path: Path) -> None:
    long = "x" * 300_000
    rows = all_rows(write(tmp_path / "a.csv", "customer;note\n" + "".join(f"c{n};{long}{n}\n" for n in range(20))))
    assert rows["customer"].tolist() == [f"c{n}" for n in range(20)]
    assert rows["note"].tolist() == [f"{long}{n}" for n in range(20)]


def test_a_quote_that_closes_in_another_row_costs_its_own_line_alone(tmp_path: Path) -> None:
    text = 'customer,on,amount\n"ann,2024-01-31,12.50\nbob",2024-02-01,3.00,x\ncid,2024-02-02,1.00\n'
    rows = all_rows(write(tmp_path / "a.csv", text))
    assert rows["source_line"].tolist() == [2, 3, 4]
    assert rows["damage"].tolist() == ["unclosed_quote", "too_many_cells", ""]
    assert rows["customer"].iloc[2] == "cid"


def test_rows_that_fill_their_chunks_leave_no_empty_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_files, "BLOCK_LINES", 200)
    monkeypatch.setattr(text_files, "CHUNK_ROWS", 400)
    text = "customer,amount\n" + "".join(f"c{n},{n}\n" for n in range(800))
    (part,) = find_parts(write(tmp_path / "a.csv", text))
    assert [len(chunk) for chunk in part.chunks()] == [400, 400]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("c" + ",c" * 2_000 + "\n" + "1" + ",1" * 2_000 + "\n", "expected at most 2,000 columns, got 2,001"),
        ("sep=;\n1;2\n3;4\n", "expected a line of column names above the rows, got none"),
    ],
)
def test_a_file_that_is_no_table_of_purchases_is_one_clear_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SourceError, match=f"^a.csv: {said}"):
        all_rows(write(tmp_path / "a.csv", text))


def test_an_archive_with_a_password_is_one_clear_line(tmp_path: Path) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as pack:
        pack.writestr("a.csv", TEXT)
    locked = bytearray(stream.getvalue())
    for mark, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):  # the bit that says so stands in both headers
        locked[locked.index(mark) + flags] |= 1
    with pytest.raises(SourceError, match=r"^a.zip: expected a .zip without a password, got one with; unpack it"):
        all_rows(write(tmp_path / "a.zip", bytes(locked)))


def test_a_sheet_is_read_in_chunks_and_a_row_too_long_is_marked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spreadsheet_files, "CHUNK_ROWS", 2)
    rows: list[list[object]] = [["customer", "amount", "is_gift"], ["ann", 1, True], ["bob", 2, False, "?"]]
    (part,) = find_parts(write(tmp_path / "a.xlsx", workbook([*rows, ["cid", 3, None]])))
    chunks = list(part.chunks())
    assert [chunk["customer"].tolist() for chunk in chunks] == [["ann", "bob"], ["cid"]]
    assert [chunk["damage"].tolist() for chunk in chunks] == [["", "too_many_cells"], [""]]
    assert [chunk["source_line"].tolist() for chunk in chunks] == [[2, 3], [4]]
    assert (str(chunks[0]["is_gift"].dtype), chunks[0]["is_gift"].tolist()) == ("boolean", [True, False])


def test_files_at_an_address_are_read_as_those_of_a_folder(tmp_path: Path) -> None:
    header: list[object] = ["customer", "amount"]
    write(tmp_path / "shop" / "a.csv", TEXT)
    write(tmp_path / "shop" / "years.xlsx", workbook([header, ["ann", 1]], [header, ["bob", 2]]))
    write(tmp_path / "shop" / "notes.md", "none")
    here, there = find_parts(tmp_path / "shop"), find_parts(f"file://{tmp_path}/shop")
    assert [part.name for part in there] == ["a.csv", "years.xlsx#Sheet1", "years.xlsx#Sheet2"]
    assert [part.name for part in there] == [part.name for part in here]
    assert there[0].digest == here[0].digest  # where the storage has no checksum, that of the bytes
    for one, other in zip(here, there, strict=True):
        pd.testing.assert_frame_equal(next(one.chunks()), next(other.chunks()))


def test_an_address_without_purchase_files_is_one_clear_line(tmp_path: Path) -> None:
    write(tmp_path / "shop" / "notes.md", "none")
    with pytest.raises(SourceError, match=r"expected files \(.csv, .*\) below file://.*, found none; set ingest.path"):
        find_parts(f"file://{tmp_path}/shop")


def test_what_a_storage_refuses_is_one_clear_line_without_the_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a-key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cr3t")
    with pytest.raises(SourceError, match=r"^expected to read s3://No_Bucket!/sales, got: .*Invalid bucket") as told:
        find_parts("s3://No_Bucket!/sales")
    assert str(told.value).endswith("check ingest.path and the storage's credentials in the environment")
    assert "s3cr3t" not in str(told.value)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("url", ["github://x/y", "data://x", "dir://x", "nosuch://x"])
def test_an_address_of_which_nothing_can_be_made_is_one_clear_line(url: str) -> None:
    with pytest.raises(SourceError, match=rf"^expected to read {url}, got: .*; check ingest\.path") as told:
        find_parts(url)
    assert "\n" not in str(told.value)


def test_column_names_are_found_below_a_preamble_and_made_distinct() -> None:
    assert header_at([["Shop", "Berlin"], ["customer", "on", "amount"], ["a", "2024", "1"], ["b", "2024", "2"]]) == 1
    assert header_at([["1", "2"], ["3", "4"]]) is None
    assert column_names(["a", "a", "a.2", "", "source_line"]) == ("a", "a.3", "a.2", "unnamed.4", "source_line.2")


LETTERS = st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufffd")
QUOTED_ONLY = st.sampled_from([",", ";", "\t", "|", '"', "\n", "\r\n", "\r", "'"])
CELL = st.one_of(st.text(LETTERS, max_size=8), st.lists(st.one_of(LETTERS, QUOTED_ONLY), max_size=8).map("".join))
WIDTH = st.integers(2, 5)
TABLES = WIDTH.flatmap(lambda n: st.lists(st.lists(CELL, min_size=n, max_size=n), min_size=1, max_size=12))


def expected_cells(rows: list[list[str]]) -> list[list[str]]:
    """Stripped cells; a row of blanks is no row. (A cell of nothing and a missing one are the same.)"""
    stripped = [[cell.strip(BLANKS) for cell in row] for row in rows]
    return [row for row in stripped if any(row)]


@given(
    TABLES,
    st.sampled_from([",", ";", "\t", "|"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    st.sampled_from([1, 3, 20_000]),
)
def test_every_cell_that_csv_writes_comes_back(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[list[str]],
    delimiter: str,
    encoding: str,
    quoting: int,
    block_lines: int,
) -> None:
    names = ["customer", "ordered", "amount", "product", "shop"][: len(rows[0])]
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, quoting=quoting, lineterminator="\r\n")  # type: ignore[arg-type]
    writer.writerows([names, *rows])
    path = write(tmp_path_factory.mktemp("cells") / "a.csv", text.getvalue().encode(encoding))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_files, "BLOCK_LINES", block_lines)
        read = all_rows(path)
    assert read[names].fillna("").to_numpy().tolist() == expected_cells(rows)
    assert set(read["damage"]) <= {""}


WESTERN = st.lists(st.lists(st.text("abc äöüßéñ,;\"'", max_size=6), min_size=3, max_size=3), min_size=1, max_size=8)


@given(WESTERN, st.sampled_from([",", ";", "\t", "|"]), st.sampled_from(["cp1252", "latin-1"]))
def test_every_cell_of_an_old_encoding_comes_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]], delimiter: str, encoding: str
) -> None:
    names = ["customer", "ordered", "amount"]
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter).writerows([names, *rows])
    read = all_rows(write(tmp_path_factory.mktemp("cells") / "a.csv", text.getvalue().encode(encoding)))
    assert read[names].fillna("").to_numpy().tolist() == expected_cells(rows)
