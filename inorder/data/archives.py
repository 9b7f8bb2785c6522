"""A path, "-", a folder or a zip archive -> named files as bytes.

Archives are read in memory, never unpacked to disk; what they would take is checked first.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from inorder.data.files import GZIP, find, read_bytes
from inorder.errors import SeriesError

ZIP = b"PK\x03\x04"
LARGEST = 4 * 1024**3  # bytes of an unpacked archive


def unpacked(content: bytes, source: str, endings: Sequence[str]) -> dict[str, bytes]:
    """The files of a zip archive whose names have one of these endings.   Raises SeriesError where it is damaged or unpacks to more than 4 GiB."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            entries = [entry for entry in packed.infolist() if not entry.is_dir() and not entry.filename.startswith("__MACOSX")]
            if sum(entry.file_size for entry in entries) > LARGEST:
                raise SeriesError(f"{source} unpacks to more than 4 GiB; unpack it and name the folder.")
            return {entry.filename: packed.read(entry) for entry in entries if entry.filename.lower().endswith(tuple(endings))}
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError, EOFError, zlib.error) as error:
        raise SeriesError(f"{source} cannot be unpacked: {str(error).rstrip('.')}.") from None


def named_files(given: Any, endings: Sequence[str], expected: str) -> tuple[dict[str, bytes], str]:
    """The files that `given` names, unpacked from gzip, by their paths below it; and what to call the whole.

    given: a path, "-" (standard input), an open file, a sample's name, a folder or a zip archive.   endings: of the files to take out of the last two.
    expected: what an empty file should have been, for the error.   Raises SeriesError for what cannot be read, or where there is no such file.
    """
    if isinstance(given, str | Path) and str(given) != "-":
        path = Path(given).expanduser()
        if path.is_dir():
            names = sorted(file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file() and file.name.lower().endswith(tuple(endings)))
            return _some({name: _plain((path / name).read_bytes(), name) for name in names}, given, endings)
        path = find(given)
        with path.open("rb") as file:
            if file.read(4) == ZIP:
                found = unpacked(path.read_bytes(), str(given), endings)
                return _some({name: _plain(content, name) for name, content in found.items()}, given, endings)
    content, source = read_bytes(given, expected)
    return {Path(source).name: content}, source


def _plain(content: bytes, name: str) -> bytes:
    """One file of many, unpacked from gzip; it may be empty."""
    if not content.startswith(GZIP):
        return content
    file = io.BytesIO(content)
    file.name = name  # by which an error speaks of it
    return read_bytes(file)[0]


def _some(files: dict[str, bytes], given: Any, endings: Sequence[str]) -> tuple[dict[str, bytes], str]:
    if not files and str(given).lower().endswith((".xlsx", ".xlsm", ".ods")):
        raise SeriesError(f"{given} is a workbook. Save the sheet as CSV.")
    if not files:
        raise SeriesError(f"{given} holds no file that ends in {', '.join(endings[:-1])} or {endings[-1]}.")
    return dict(sorted(files.items())), str(given)
