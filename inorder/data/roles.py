"""What the columns of a table are to a series: the record, and how to speak of columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from inorder.data.kinds import WORDS


@dataclass(frozen=True)
class Roles:
    """The columns by their role.

    id, time: several are joined; empty = none.   parts: what each of several time columns is, "year", "month", …; empty = texts to be joined.
    values: several = a panel of columns.   across: "months" where the values are the months or quarters of the year in `time`, "rows" where each row is
        a series and the values are its stamps, one after the other; else "".
    """

    id: tuple[str, ...]
    time: tuple[str, ...]
    values: tuple[str, ...]
    parts: tuple[str, ...] = ()
    across: str = ""
    notes: tuple[str, ...] = ()

    @property
    def panel(self) -> bool:
        """Whether the series have names."""
        return bool(self.id) or (len(self.values) > 1 and not self.across)


def left_out(names: Sequence[str], kinds: dict[str, str]) -> list[str]:
    """One note for all columns that are not used."""
    if not names:
        return []
    shown = listed([f"{name} ({WORDS[kinds[name]]})" for name in names])
    usable = [name for name in names if kinds[name] in ("flag", "whole", "number")]
    how = f"; take one in with --past, --future or --static {usable[0]}, or forecast it with --value" if usable else ""
    return [f"left out: {shown}{how}"]


def listed(names: Sequence[str], most: int = 12) -> str:
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
