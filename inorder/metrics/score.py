"""A score that says how it was computed.

The signature is stable text, `key=value` joined by "|", in the manner of sacrebleu (Post 2018): two scores may be
compared when their signatures are equal. It ends with the version of inorder that computed the score.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from importlib.metadata import PackageNotFoundError, version

PLAIN = {"mean", "series", "steps", "missing", "inorder"}  # parts that `__str__` words by itself


@dataclass(frozen=True)
class Score:
    """A named number with its signature.

    name: as people write it, "MASE".   value: NaN where nothing could be scored.   signature: how it was computed.

    >>> score = Score("MASE", 1.2341, "scale=in-sample seasonal naive|m=12|mean=over steps, then series|series=1|steps=12|inorder=0.1.0")
    >>> print(score)
    MASE 1.234 [scale: in-sample seasonal naive, m=12; mean over 1 series × 12 steps; inorder 0.1.0]
    >>> float(score), score.parts["m"]
    (1.2341, '12')
    """

    name: str
    value: float
    signature: str

    @property
    def parts(self) -> dict[str, str]:
        """The signature as a dict."""
        return dict(part.split("=", 1) for part in self.signature.split("|"))

    def __float__(self) -> float:
        return self.value

    def __str__(self) -> str:
        parts = self.parts
        details = [f"{key}: {value}" if " " in value else f"{key}={value}" for key, value in parts.items() if key not in PLAIN]
        average = f"mean over {parts['series']} series × {parts['steps']} steps" if "series" in parts else ""
        if "missing" in parts:
            average += f", {parts['missing']} missing left out"
        sentences = [", ".join(details), average, f"inorder {parts['inorder']}" if "inorder" in parts else ""]
        return f"{self.name} {plain_number(self.value)} [{'; '.join(sentence for sentence in sentences if sentence)}]"


def plain_number(value: float) -> str:
    """Three decimals; three significant digits for what that would round to nothing.

    >>> [plain_number(value) for value in (1234.5678, 0.5, 0.00012345, 0.0, float("nan"))]
    ['1,234.568', '0.500', '0.000123', '0.000', 'nan']
    """
    return f"{value:.3g}" if math.isfinite(value) and 0 < abs(value) < 0.001 else f"{value:,.3f}"


def level_name(level: float) -> str:
    """The level of an interval in per cent, as columns and scores name it: no two levels share a name.

    >>> [level_name(level) for level in (0.8, 0.57, 0.955, 0.9999999, 0.99999999)]
    ['80', '57', '95.5', '99.99999', '99.999999']
    """
    return f"{Decimal(repr(float(level))).scaleb(2):f}"  # the shortest decimal of the number, its point moved


def signature(**parts: object) -> str:
    """`key=value` of every part that is not None, joined by "|", and the version of inorder."""
    assert not any("|" in str(value) for value in parts.values()), parts
    return "|".join([f"{key}={value}" for key, value in parts.items() if value is not None] + [f"inorder={_version()}"])


@cache
def _version() -> str:
    try:
        return version("inorder")
    except PackageNotFoundError:  # run from a checkout that is not installed
        return "unknown"
