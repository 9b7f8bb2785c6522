"""Start a script in several processes that train together, and start them again when one is killed.

    python -m inorder.train.torchrun --processes 2 train.py --width 64

This is `torchrun` on one machine, with the setting without which it often fails at the first restart (pytorch #135712), and with a hard
time-out. With a `directory` for `inorder.train.fit` the script goes on from its last checkpoint after each restart.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from inorder.errors import TrainingError

SETTINGS = {"TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1"}


def launch(script: str | Path, arguments: Sequence[str] = (), *, processes: int = 2, restarts: int = 3, timeout: float | None = None) -> None:
    """Run a Python script in `processes` processes on this machine, until all have ended well.

    arguments: of the script.   restarts: how often all are started again after one has failed.   timeout: seconds for all of it; None = no limit.
    Raises TrainingError where they failed once more, or the time was up; no process is left behind.
    """
    command = [sys.executable, "-m", "torch.distributed.run", "--nnodes=1", f"--nproc-per-node={processes}", "--rdzv-backend=c10d"]
    command += ["--rdzv-endpoint=localhost:0", f"--max-restarts={restarts}", "--monitor-interval=0.2", str(script), *arguments]
    running = subprocess.Popen(command, env={"OMP_NUM_THREADS": "1", **os.environ, **SETTINGS}, start_new_session=True)
    try:
        code = running.wait(timeout)
    except subprocess.TimeoutExpired:
        raise TrainingError(f"{script} in {processes} processes had not ended after {timeout:g} seconds and was stopped. Give it a longer `timeout`.") from None
    finally:
        _end(running)
    if code:
        raise TrainingError(f"{script} in {processes} processes failed with exit code {code}, after {restarts} restarts at most. What went wrong stands above.")


def _end(running: subprocess.Popen[bytes]) -> None:
    """Stop the launcher, which stops its workers; then whatever of its group does not heed that."""
    if running.poll() is None:
        running.terminate()
        try:
            running.wait(45)  # the launcher itself gives its workers half a minute before it kills them
        except subprocess.TimeoutExpired:
            pass
    try:
        os.killpg(running.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    running.wait()


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line of this module."""
    parser = argparse.ArgumentParser(prog="python -m inorder.train.torchrun", description="Start a script in several processes that train together.")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--restarts", type=int, default=3, help="how often all are started again after one has failed")
    parser.add_argument("--timeout", type=float, default=None, help="seconds for all of it")
    parser.add_argument("script")
    parser.add_argument("arguments", nargs=argparse.REMAINDER)
    options = parser.parse_args(arguments)
    try:
        launch(options.script, options.arguments, processes=options.processes, restarts=options.restarts, timeout=options.timeout)
    except TrainingError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
