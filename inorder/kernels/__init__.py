"""The compiled loops: their faces, and what stands in for them where no compiler was found.

`compiled` says whether the extension module is there. Without it every kernel runs its textbook twin in plain NumPy:
the same numbers, slower; the first such call warns, once.
"""

from __future__ import annotations

import warnings
from importlib import import_module
from types import ModuleType

__all__ = ["compiled", "extension", "warn_uncompiled"]

extension: ModuleType | None
try:
    extension = import_module("inorder.kernels._compiled")
except ModuleNotFoundError as error:  # an extension that is there and cannot be loaded is another matter, and shows itself
    if error.name != "inorder.kernels._compiled":
        raise
    extension = None

compiled: bool = extension is not None
_warned = False


def warn_uncompiled() -> None:
    """Say once per process that the compiled loops are missing."""
    global _warned
    if not _warned:
        _warned = True
        warnings.warn(
            "inorder was installed without its compiled kernels, so it runs in plain Python: the same results, slower. "
            "Install a C++17 compiler and run the installation again to have them.",
            RuntimeWarning,
            stacklevel=3,
        )
