"""The runner from its command line, in new processes as it always runs."""

from __future__ import annotations

import contextlib
import io
import json

import pytest

from benchmarks.__main__ import BEGIN, END, main, write_readme
from benchmarks.machine import THREAD_VARIABLES, thread_environment
from benchmarks.registry import BENCHMARKS, THREADS, about, benchmark


@pytest.mark.parametrize("name", BENCHMARKS)
def test_every_name_of_the_registry_resolves(name):
    assert callable(benchmark(name))
    assert about(name).endswith(".")


def test_threads_are_set_for_benchmarks_that_exist():
    assert set(THREADS) <= set(BENCHMARKS)
    assert set(thread_environment(3)) == set(THREAD_VARIABLES)
    assert set(thread_environment(3).values()) == {"3"}


def test_the_list(capsys):
    assert main(["--list"]) == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in BENCHMARKS)


def test_an_unknown_name_is_refused_before_anything_runs(tmp_path, capsys):
    assert main(["help", "read_panle", "--out", str(tmp_path / "out")]) == 2
    assert 'Benchmark "read_panle" is unknown. Did you mean "read_panel"?' in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.fixture(scope="module")
def cheap(tmp_path_factory):
    """The cheapest benchmark from end to end, once: exit code, what was printed, the file."""
    folder = tmp_path_factory.mktemp("results")
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(io.StringIO()) as printed:
        patch.setenv("OMP_NUM_THREADS", "7")  # whatever the user has set, every program gets the same
        code = main(["help", "--quick", "--out", str(folder)])
    return code, printed.getvalue(), folder / "help.quick.json"


def test_a_cheap_benchmark_from_end_to_end(cheap):
    code, printed, file = cheap
    assert code == 0
    record = json.loads(file.read_text(encoding="utf-8"))
    assert {"benchmark", "about", "quick", "date", "commit", "changed", "machine", "threads", "versions", "cases"} <= set(record)
    assert {"cpu", "cores", "memory", "system", "load"} <= set(record["machine"])
    assert record["threads"] == {"cores": 1, **dict.fromkeys(THREAD_VARIABLES, "1")}
    assert {"python", "inorder", "numpy", "inorder kernels"} <= set(record["versions"])
    for case in record["cases"]:
        assert {"name", "sizes", "checked", "programs", "ratios", "targets", "missing"} <= set(case), case
        assert all(len(taken["time"]["samples"]) == 3 for taken in case["programs"].values())
    assert "python -c pass" in printed
    assert "not judged: quick" in printed


def test_the_command_fails_where_an_answer_is_wrong(tmp_path, monkeypatch):
    """A case that refused to time, or a process that died, ends the command with 1."""
    import benchmarks.__main__ as runner

    wrong = {"benchmark": "help", "about": "What.", "quick": True, "date": "", "commit": None, "changed": None, "threads": {"cores": 1}, "versions": {}}
    wrong |= {
        "machine": {"cpu": "", "cores": 1, "memory": 1, "system": "", "load": None},
        "cases": [{"name": "a", "sizes": {}, "notes": [], "refused": "it is wrong."}],
    }
    monkeypatch.setattr(runner, "run_apart", lambda name, quick, out: wrong)
    assert main(["help", "--out", str(tmp_path)]) == 1
    monkeypatch.setattr(runner, "run_apart", lambda name, quick, out: None)
    assert main(["help", "--out", str(tmp_path)]) == 1


def test_a_benchmark_without_its_data_says_so(tmp_path, monkeypatch):
    """The worker tells what broke while cases were made, instead of ending with a traceback."""
    from benchmarks import registry, worker

    def nothing(quick):
        """Needs a file."""
        raise FileNotFoundError("m4_hourly.parquet is not there")

    monkeypatch.setattr(worker, "benchmark", lambda name: nothing)
    monkeypatch.setattr(registry, "benchmark", lambda name: nothing)
    record = worker.run("naive2_m4", quick=True)
    assert record["cases"] == [{"name": "everything", "failed": "FileNotFoundError: m4_hourly.parquet is not there"}]


def test_the_page_is_written_from_full_results_only(cheap, tmp_path, capsys):
    page = tmp_path / "README.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8")
    assert write_readme(tmp_path, page) == 1
    assert "holds no full result yet" in capsys.readouterr().err
    assert "old" in page.read_text(encoding="utf-8")
    assert write_readme(cheap[2].parent, page) == 1  # a quick result is not published
    (tmp_path / "help.json").write_text(cheap[2].read_text(encoding="utf-8"), encoding="utf-8")
    assert write_readme(tmp_path, page) == 0
    text = page.read_text(encoding="utf-8")
    assert text.startswith(f"before\n{BEGIN}\n| benchmark |")
    assert text.endswith(f"{END}\nafter\n")
    assert "old" not in text
    assert "| help | --help | time |" in text
