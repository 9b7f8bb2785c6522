"""Several processes make the steps that one makes with all rows; a killed worker comes back; nothing waits for ever."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import torch
import workers
from safetensors.torch import load_file

from inorder.errors import TrainingError
from inorder.train.reproducible import reproducible
from inorder.train.torchrun import SETTINGS, launch, main

HERE = Path(__file__).parent
HARD = 240.0  # seconds, after which a run of two processes is stopped


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with what two processes have come to, one of which was killed in its first run."""
    folder = tmp_path_factory.mktemp("trained")
    main(["--processes", "2", "--timeout", str(HARD), str(HERE / "workers.py"), str(folder)])
    return folder


@pytest.mark.parametrize("kind", workers.SETTINGS)
def test_two_processes_are_one_with_the_doubled_batch(kind, trained):
    found, other = (load_file(trained / f"weights-{rank}.safetensors")[kind] for rank in range(2))
    with reproducible(0, threads=1):
        expected, begin = workers.train(kind), workers.small.flat(workers.small.Small() if kind != "unused" else workers.Partly())
    assert (found - expected).abs().max() < 1e-6
    assert (expected - begin).abs().max() > 1e-2, "it has learnt something"
    assert torch.equal(found, other)


def test_a_killed_worker_comes_back_and_the_result_is_that_of_an_undisturbed_run(trained):
    assert SETTINGS == {"TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1"}
    assert (trained / "killed").exists() and (trained / "checkpoint.safetensors").exists()
    weights = load_file(trained / "weights-0.safetensors")["plain"]
    with reproducible(0, threads=1):
        assert (weights - workers.train("plain")).abs().max() < 1e-6


def test_a_run_that_hangs_or_fails_is_ended(tmp_path):
    hanging = tmp_path / "hanging.py"
    hanging.write_text(f"import os, time\nopen({str(tmp_path)!r} + '/' + str(os.getpid()), 'w').close()\ntime.sleep(600)\n")
    began = time.monotonic()
    with pytest.raises(TrainingError, match=r"hanging\.py in 2 processes had not ended after 8 seconds"):
        launch(hanging, processes=2, timeout=8)
    assert time.monotonic() - began < 60
    for file in tmp_path.iterdir():
        if file.name.isdigit():
            assert not Path("/proc", file.name).exists(), "no process is left behind"
    failing = tmp_path / "failing.py"
    failing.write_text("raise SystemExit(3)\n")
    with pytest.raises(SystemExit, match="exit code 1, after 0 restarts"):
        main(["--processes", "1", "--restarts", "0", str(failing)])
