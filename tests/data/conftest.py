"""Fixtures of the reading tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from inorder.data.series import Series, read_series

Reader = Callable[..., Series]


@pytest.fixture
def read(tmp_path: Path) -> Reader:
    """Write a text, or bytes, to a file and read it as a series."""

    def from_text(content: str | bytes, name: str = "sales.csv", **options: Any) -> Series:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_series(path, **options)

    return from_text
