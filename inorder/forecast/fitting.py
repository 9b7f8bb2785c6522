"""Fitting the series of a panel side by side: by threads, or by any backend of joblib (processes, a Dask, Ray or Spark cluster).

    work(item) -> result,    a pure function of its argument

so the results depend neither on the number of workers nor on who they are, and a piece whose worker was lost is simply done again.
A deadline, an error or Ctrl-C ends the pieces that are being worked on too, as soon as they ask (`kernels.stopping`).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import closing
from queue import SimpleQueue
from typing import Any

from inorder.errors import BudgetError, ConfigError, ForecastError, MissingExtra
from inorder.kernels.stopping import Stop, check, watched

CHUNKS = 8  # a worker, so that none waits long for the last; and a chunk holds LONGEST at most
LONGEST = 50
PATIENCE = 0.2  # seconds at most until Ctrl-C is noticed where waiting for a lock cannot be interrupted


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


def fit_each(
    name: str,
    ids: Sequence[str],
    work: Callable[[Any], Any],
    items: Sequence[Any],
    *,
    seconds: float | None,
    progress: Callable[[int, int], None] | None,
    workers: int | None,
    engine: str,
) -> tuple[tuple[Any, ...], dict[str, str]]:
    """The model of each series, None where it has none, and by series why not.

    name: of the forecaster.   work: of an item, the model, or the reason as text.   seconds: for all together.   progress: called with (done, all).
    Raises ForecastError where no series can be fitted, BudgetError when the time is used up.
    """
    deadline = None if seconds is None else time.monotonic() + seconds
    done = None if progress is None else lambda count: progress(count, len(items))
    try:
        found = run_all(work, items, workers=workers, engine=engine, deadline=deadline, done=done)
    except BudgetError as error:
        raise BudgetError(
            f"{name} had fitted {error} of {len(ids)} series when its {seconds:.1f} seconds were used up. Give it more time, with --budget."
        ) from None
    errors = {one: reason for one, reason in zip(ids, found, strict=True) if isinstance(reason, str)}
    if len(errors) == len(ids):
        first = next(iter(errors.values()))
        raise ForecastError(first if len(ids) == 1 else f'{name} fits none of the {len(ids)} series. "{ids[0]}": {first}')
    return tuple(None if isinstance(one, str) else one for one in found), errors


def run_all(
    work: Callable[[Any], Any],
    items: Sequence[Any],
    *,
    workers: int | None = None,
    engine: str = "threads",
    deadline: float | None = None,
    done: Callable[[int], None] | None = None,
) -> list[Any]:
    """`work` of every item, in the order of the items.   done: called with the number of items done, as it grows.   Otherwise as `run_each`."""
    results: list[Any] = [None] * len(items)
    count = 0
    try:
        with closing(run_each(work, items, workers=workers, engine=engine, deadline=deadline)) as each:  # at once, also after Ctrl-C in `done`
            for i, result in each:
                results[i] = result
                count += 1
                if done:
                    done(count)
    except BudgetError:
        raise BudgetError(str(count)) from None
    return results


def run_each(
    work: Callable[[Any], Any], items: Sequence[Any], *, workers: int | None = None, engine: str = "threads", deadline: float | None = None
) -> Generator[tuple[int, Any], None, None]:
    """The position of an item and its result, as they become ready.

    work: pure; what it raises is raised here.   engine: "threads", or a backend of joblib: "loky" (processes), "dask", or any that was registered (Ray, Spark).
    workers: how many at a time; None = one a core (a cluster counts its own).
    deadline: of time.monotonic(), after which BudgetError is raised, also by a search inside `work`.
    """
    if engine != "threads":
        yield from _by_joblib(work, items, workers, engine, deadline)
        return
    count = min(check_workers(workers), len(items))
    stop = Stop(deadline)
    if count <= 1:
        for i in range(len(items)):
            with watched(stop):  # and not while the caller has the result
                check()
                result = work(items[i])
            yield i, result
        return
    results: SimpleQueue[tuple[int, Any]] = SimpleQueue()

    def labour(chunk: range) -> None:
        with watched(stop):
            for i in chunk:
                check()
                results.put((i, work(items[i])))

    team = ThreadPoolExecutor(count, thread_name_prefix="inorder")
    try:
        waiting = {team.submit(labour, chunk) for chunk in in_chunks(len(items), count)}
        while waiting:
            ready, waiting = wait(waiting, PATIENCE, return_when=FIRST_COMPLETED)
            while not results.empty():
                yield results.get()
            for future in ready:
                future.result()
    finally:
        stop.now()
        team.shutdown(wait=True, cancel_futures=True)


def _by_joblib(work: Callable[[Any], Any], items: Sequence[Any], workers: int | None, engine: str, deadline: float | None) -> Iterator[tuple[int, Any]]:
    from joblib import Parallel, delayed, parallel_config
    from joblib.parallel import BACKENDS, EXTERNAL_BACKENDS

    if engine not in {*BACKENDS, *EXTERNAL_BACKENDS}:
        known = ", ".join(sorted({"threads", *BACKENDS, *EXTERNAL_BACKENDS}))
        raise ConfigError(f'`engine` is "threads" or a backend of joblib, not "{engine}". Known: {known}.')
    chunks = in_chunks(len(items), cores() if workers is None else check_workers(workers))
    try:
        with parallel_config(backend=engine, n_jobs=-1 if workers is None else workers):  # which registers the backends of clusters
            parallel = Parallel(return_as="generator")
    except ImportError as error:
        raise MissingExtra(f'engine="{engine}" needs a package that is not installed ({error}). For Dask: pip install "inorder[cluster]".') from None
    except ValueError as error:  # no cluster to speak to
        raise ConfigError(f'engine="{engine}" cannot be used: {error}') from None
    until = None if deadline is None else time.time() + deadline - time.monotonic()  # processes share no other clock
    i = 0
    for part in parallel(delayed(_work_on)(work, [items[i] for i in chunk], until) for chunk in chunks):
        for result in part:
            if isinstance(result, BudgetError):
                raise result
            yield i, result
            i += 1


def _work_on(work: Callable[[Any], Any], items: Sequence[Any], until: float | None) -> list[Any]:
    """The results of a chunk, the last of them a BudgetError where the time was used up.   until: of time.time()."""
    results: list[Any] = []
    with watched(Stop(None if until is None else time.monotonic() + until - time.time())):
        try:
            for item in items:
                check()
                results.append(work(item))
        except BudgetError as error:
            results.append(error)
    return results
