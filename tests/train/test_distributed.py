"""Several processes make the steps that one makes with all rows; a killed worker comes back; nothing waits for ever."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import workers  # noqa: E402

from inorder.errors import TrainingError  # noqa: E402
from inorder.train.reproducible import reproducible  # noqa: E402
from inorder.train.torchrun import SETTINGS, launch, main  # noqa: E402

HARD = 180.0  # seconds, after which a run of two processes is stopped


@pytest.fixture(autouse=True)
def one_thread():
    with reproducible(0, threads=1):
        yield


def test_two_processes_are_one_with_the_doubled_batch(tmp_path):
    launch(HERE / "workers.py", [str(tmp_path)], processes=2, restarts=0, timeout=HARD)
    found, others = load_file(tmp_path / "weights.safetensors"), load_file(tmp_path / "others.safetensors")
    for kind in workers.SETTINGS:
        expected = workers.train(kind)
        assert (found[kind] - expected).abs().max() < 1e-6, kind
        assert (expected - workers.small.flat(workers.small.Small())).abs().max() > 1e-2, "it has learnt something"
        assert torch.equal(found[kind], others[kind]), kind


def test_a_killed_worker_comes_back_and_the_result_is_that_of_an_undisturbed_run(tmp_path):
    assert SETTINGS == {"TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1"}
    main(["--timeout", str(HARD), str(HERE / "workers.py"), str(tmp_path), "kill"])
    assert (tmp_path / "killed").exists()
    weights = load_file(tmp_path / "weights.safetensors")["plain"]
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
