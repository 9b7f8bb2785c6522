"""Fitting the series of a panel side by side: by threads, or by any backend of joblib (processes, a Dask, Ray or Spark cluster).

    fit_chunk(forecaster, series) -> one model or one sentence a series

is a pure function of its arguments, so the results depend neither on the number of workers nor on who they are, and a chunk whose
worker was lost is simply fitted again.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from typing import Any

from inorder.errors import BudgetError, ConfigError

Item = tuple[Any, ...]  # the arguments for one series
CHUNKS = 8  # a worker, so that none waits long for the last; and a chunk holds LONGEST at most
LONGEST = 50
Result = Any


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def check_workers(workers: int | None) -> int:
    """How many workers: those asked for, or one a core.   Raises ConfigError below 1."""
    if workers is None:
        return cores()
    if isinstance(workers, bool) or not isinstance(workers, int) or workers < 1:
        raise ConfigError(f"`workers` is a whole number, 1 or more, not {workers!r}.")
    return workers


def in_chunks(count: int, workers: int) -> Iterator[range]:
    """Ranges of neighbouring series, small enough that all workers end together.

    >>> [len(chunk) for chunk in in_chunks(10, 1)]
    [2, 2, 2, 2, 2]
    """
    size = min(LONGEST, max(1, -(-count // (CHUNKS * workers))))
    return (range(begin, min(begin + size, count)) for begin in range(0, count, size))


def run_all(
    work: Callable[[Item], Result],
    items: Sequence[Item],
    *,
    workers: int | None = None,
    engine: str = "threads",
    deadline: float | None = None,
    done: Callable[[int], None] | None = None,
) -> list[Result]:
    """`work` of every item, in the order of the items.

    work: pure, never returns None; what it raises is raised here.   engine: "threads", or a backend of joblib: "loky" (processes), "dask", "ray", "spark".
    workers: how many at a time; None = one a core (a cluster counts its own).
    deadline: of time.monotonic(); BudgetError says how many were done when it passed.   done: called with that number as it grows.
    """
    if engine != "threads":
        return _by_joblib(work, items, workers, engine, deadline, done)
    count = min(check_workers(workers), len(items))
    results: list[Result] = [None] * len(items)
    finished = 0
    if count <= 1:
        for i, item in enumerate(items):
            _check(deadline, i)
            results[i] = work(item)
            if done:
                done(i + 1)
        return results

    def labour(chunk: range) -> range:
        for i in chunk:
            _check(deadline, 0)
            results[i] = work(items[i])
        return chunk

    team = ThreadPoolExecutor(count, thread_name_prefix="inorder")
    try:
        waiting = {team.submit(labour, chunk) for chunk in in_chunks(len(items), count)}
        while waiting:
            ready, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for future in ready:
                try:
                    finished += len(future.result())
                except BudgetError:
                    raise BudgetError(str(sum(result is not None for result in results))) from None
                if done:
                    done(finished)
    finally:
        team.shutdown(wait=True, cancel_futures=True)  # also after Ctrl-C: what has begun is a few series
    return results


def _check(deadline: float | None, done: int) -> None:
    if deadline is not None and time.monotonic() > deadline:
        raise BudgetError(str(done))


def _work_on(work: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    return [work(item) for item in items]


def _by_joblib(
    work: Callable[[Item], Result], items: Sequence[Item], workers: int | None, engine: str, deadline: float | None, done: Callable[[int], None] | None
) -> list[Result]:
    from joblib import Parallel, delayed
    from joblib.parallel import BACKENDS, EXTERNAL_BACKENDS

    if engine not in {*BACKENDS, *EXTERNAL_BACKENDS}:
        known = ", ".join(sorted({"threads", *BACKENDS, *EXTERNAL_BACKENDS}))
        raise ConfigError(f'`engine` is "threads" or a backend of joblib, not "{engine}". Known: {known}.')
    count = -1 if workers is None else check_workers(workers)
    chunks = list(in_chunks(len(items), cores() if workers is None else workers))
    results: list[Result] = []
    parallel = Parallel(n_jobs=count, backend=engine, return_as="generator", pre_dispatch="all" if deadline is None else "2*n_jobs")
    for part in parallel(delayed(_work_on)(work, [items[i] for i in chunk]) for chunk in chunks):
        _check(deadline, len(results))
        results += part
        if done:
            done(len(results))
    return results
