"""What is given -> bytes -> text: paths, standard input, samples, gzip, encodings.

Every refusal names the file and says what to do. Nothing is written, and nothing outside the named file is read.
"""

from __future__ import annotations

import difflib
import gzip
import re
import sys
import zlib
from pathlib import Path
from typing import Any

from inorder.errors import SeriesError

GZIP, PARQUET = b"\x1f\x8b", b"PAR1"
FOREIGN = {
    b"PK\x03\x04": "an Excel workbook or a zip archive. Save the sheet as CSV, or unpack the archive",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook. Save the sheet as CSV",
    b"\x89HDF": "an HDF5 file. Save the table as CSV or Parquet",
    b"ARROW1": "an Arrow file. Save the table as CSV or Parquet",
    b"BZh": "packed with bzip2. Unpack it, or pack it with gzip",
    b"\xfd7zXZ": "packed with xz. Unpack it, or pack it with gzip",
    b"\x28\xb5\x2f\xfd": "packed with zstd. Unpack it, or pack it with gzip",
    b"%PDF": "a PDF. Save the table as CSV",
}
MARKS = {b"\xef\xbb\xbf": "utf-8", b"\xff\xfe\x00\x00": "utf-32-le", b"\x00\x00\xfe\xff": "utf-32-be", b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1f]")


def read_bytes(given: Any, expected: str = "A file with a time column and a value column") -> tuple[bytes, str]:
    """The bytes of a path, of "-" (standard input), of a sample or of an open file, unpacked; and what to call them in a sentence.

    expected: what should have been in an empty file, for the error.
    """
    if hasattr(given, "read"):
        data, source = given.read(), str(getattr(given, "name", "the open file"))
        data = data.encode() if isinstance(data, str) else data
    elif str(given) == "-":
        data, source = sys.stdin.buffer.read(), "standard input"
    else:
        path = find(given)
        source = str(given)
        try:
            data = path.read_bytes()
        except OSError as error:
            raise SeriesError(f"{source} cannot be read: {(error.strerror or str(error)).lower()}.") from None
    if data.startswith(GZIP):
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError, zlib.error) as error:
            raise SeriesError(f"{source} is packed with gzip and damaged ({str(error).rstrip('.').lower()}). Fetch or pack it again.") from None
    if not data.strip():
        raise SeriesError(f"{source} is empty. {expected} was expected.")
    for mark, what in FOREIGN.items():
        if data.startswith(mark):
            raise SeriesError(f"{source} is {what}.")
    return data, source


def find(given: Any) -> Path:
    """The path that was named, or the file of the sample with that name; a file of the same name wins."""
    from inorder.data.samples import SAMPLES, sample_path

    path = Path(given).expanduser()
    try:
        if path.is_dir():
            raise SeriesError(f"{given} is a folder. Name one file in it{_some_files(path)}.")
        if path.exists():
            return path
    except OSError as error:  # a name too long, say, or a folder that may not be searched
        raise SeriesError(f"{str(given)[:80]} cannot be read: {(error.strerror or str(error)).lower()}.") from None
    if str(given) in SAMPLES:
        return sample_path(str(given))
    folder = path.parent if path.parent.is_dir() else None
    near = difflib.get_close_matches(path.name, [entry.name for entry in folder.iterdir()] if folder else [], n=1)
    near = [str(path.parent / name) for name in near] or difflib.get_close_matches(str(given), SAMPLES, n=1, cutoff=0.7)
    hint = f' Did you mean "{near[0]}"?' if near else " `inorder data` lists the samples that ship with the package."
    raise SeriesError(f'There is no file "{str(given)[:200]}".{hint}')


def _some_files(folder: Path) -> str:
    names = sorted(entry.name for entry in folder.iterdir() if entry.suffix in (".csv", ".tsv", ".txt", ".parquet", ".gz"))
    return f", such as {folder / names[0]}" if names else ""


def to_text(data: bytes, source: str, encoding: str | None) -> tuple[bytes, list[str]]:
    """The same text as UTF-8 without a mark and with "\\n" as the end of lines, and notes on what was assumed."""
    notes, told = [], encoding is not None
    mark = next((mark for mark in MARKS if data.startswith(mark)), None)
    if mark is not None and encoding is None:
        encoding, data = MARKS[mark], data[len(mark) :]
    elif encoding is None and not data.isascii():
        encoding = "utf-8"
    if encoding is None or encoding == "utf-8":
        encoding = _wide_encoding(data) or encoding
    if encoding is None or (not encoding.startswith("utf-16") and not encoding.startswith("utf-32")):
        _refuse_control(data, source)
    if encoding is not None:
        data, assumed = _decoded(data, source, encoding, given=mark is not None or told)
        notes += assumed
        _refuse_control(data, source)
    if b"\r" in data and b"\n" not in data:
        data = data.replace(b"\r", b"\n")
    return data, notes


def _refuse_control(data: bytes, source: str) -> None:
    """SeriesError for what no text holds."""
    found = CONTROL.search(data, 0, 1 << 16) or (CONTROL.search(data) if b"\0" in data else None)
    if found:
        line = data.count(b"\n", 0, found.start()) + 1
        raise SeriesError(f"{source} is not a text file: row {line:,} holds the control character 0x{found.group()[0]:02x}. CSV, TSV or Parquet was expected.")


def _wide_encoding(data: bytes) -> str | None:
    """UTF-16 without a mark: every other byte of plain text is zero."""
    head = data[:2000]
    if b"\0" not in head or len(head) < 4:
        return None
    for encoding, place in (("utf-16-le", 1), ("utf-16-be", 0)):
        zeros = head[place::2].count(0)
        if zeros > 0.4 * len(head) and head[1 - place :: 2].count(0) == 0:
            return encoding
    return None


def _decoded(data: bytes, source: str, encoding: str, given: bool) -> tuple[bytes, list[str]]:
    try:
        text = data.decode(encoding)
    except LookupError:
        raise SeriesError(f'The encoding "{encoding}" is unknown. Known are for example utf-8, latin-1, windows-1252, utf-16.') from None
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        if encoding != "utf-8" or given:
            raise SeriesError(
                f"{source} is not {encoding} text: row {line} holds the byte 0x{data[error.start]:02x}. Name its encoding with --encoding."
            ) from None
        try:
            text, assumed = data.decode("cp1252"), "Windows-1252"
        except UnicodeDecodeError:
            text, assumed = data.decode("latin-1"), "Latin-1"
        return text.encode(), [f"read as {assumed}, because row {line} is not UTF-8 (--encoding to change)"]
    return (data if encoding == "utf-8" else text.encode()), []
