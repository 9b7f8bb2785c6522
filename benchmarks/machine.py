"""Where and with what a benchmark ran: machine, threads, versions, commit."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "POLARS_MAX_THREADS",
    "RAYON_NUM_THREADS",
)
PACKAGES = (
    "inorder", "numpy", "scipy", "torch", "polars", "pandas", "pyarrow", "narwhals", "matplotlib", "typer", "rich",
    "statsforecast", "coreforecast", "statsmodels", "numba",
)  # fmt: skip


def thread_environment(threads: int) -> dict[str, str]:
    """The environment that holds every library to `threads` threads. It must be set before they are imported."""
    return dict.fromkeys(THREAD_VARIABLES, str(threads))


def hold_to_cores(count: int) -> None:
    """Keep this process on `count` of the cores it may use, where the system can do that."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-count:])


def machine() -> dict[str, Any]:
    """CPU model, cores, memory in bytes, system, and how busy the machine was."""
    return {
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "memory": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else None,
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "load": [round(load, 2) for load in os.getloadavg()] if hasattr(os, "getloadavg") else None,
    }


def cpu_model() -> str:
    info = Path("/proc/cpuinfo")
    names = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if line.startswith("model name")] if info.is_file() else []
    return names[0] if names else platform.processor() or platform.machine()


def versions() -> dict[str, str]:
    """Of Python and of every package that may take part and is installed; and whether inorder runs its compiled kernels."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    from inorder import kernels

    found["inorder kernels"] = "compiled" if kernels.compiled else "pure Python"
    return found


def commit() -> dict[str, Any]:
    """The commit of the checkout, and whether its files differ from it."""
    try:
        name = subprocess.run(["git", "rev-parse", "--short=12", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
        changed = subprocess.run(
            ["git", "status", "--porcelain", "--untracked-files=no", "--", "inorder", "src", "benchmarks"], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return {"commit": None, "changed": None}
    return {"commit": name, "changed": bool(changed.strip())}
