"""A leaderboard as a result: one row a model, the best first, and the words for what went wrong."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from inorder.errors import InorderError

OnRow = Callable[["Table"], None]


class Table(list[dict[str, Any]]):
    """One dictionary a model: `model`, its scores, `seconds`, `error`, perhaps a `note`. Prints as a table."""

    def to_frame(self) -> Any:
        """As a polars frame."""
        import polars

        return polars.DataFrame(list(self), infer_schema_length=None)

    def __str__(self) -> str:
        heads = [key for key in self[0] if key not in ("error", "fell_back", "note")] if self else []
        rows = [heads] + [[str(row["model"]), *(_short(row[key]) for key in heads[1:])] for row in self]
        widths = [max(len(row[k]) for row in rows) for k in range(len(heads))]
        lines = ["  ".join(cell.ljust(width) if k == 0 else cell.rjust(width) for k, (cell, width) in enumerate(zip(row, widths, strict=True))) for row in rows]
        remarks = ["", *(row["error"] or row.get("note") or "" for row in self)]
        return "\n".join(f"{line}  {remark}" if remark else line for line, remark in zip(lines, remarks, strict=True))


def _short(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.3f}"


def reason(error: Exception) -> str:
    """Why a model failed: our own sentence, or the kind and text of a foreign error."""
    return str(error) if isinstance(error, InorderError) else f"{type(error).__name__}: {error}"


def told(table: Table) -> str:
    """Every reason once, with the models that gave it."""
    by_reason: dict[str, list[str]] = {}
    for row in table:
        by_reason.setdefault(str(row["error"]), []).append(row["model"])
    return " ".join(f"{', '.join(models)}: {error}" for error, models in by_reason.items())


def plain(value: float) -> float | None:
    """None for a score that is not finite, as JSON wants it."""
    return value if math.isfinite(value) else None
