"""The real command line in a subprocess: file in, leaderboard, bundle and report out, forecasts back."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import math
import os
import re
import signal
import subprocess
import sys
import time
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

import inorder

INORDER = [sys.executable, "-m", "inorder"]
CLASSICAL = "naive,seasonal-naive,drift,holt-winters,ar"


def run(*arguments: str, folder: Path, text: str | None = None, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([*INORDER, *arguments], cwd=folder, input=text, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == code, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr
    return done


@pytest.fixture(scope="module")
def compared(tmp_path_factory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("compare")
    done = run("compare", "forecast", "air-passengers", "--horizon", "12", "--models", CLASSICAL, "--keep", "all", folder=folder)
    return folder, done.stdout


def test_compare_says_what_was_read_and_ranks(compared):
    folder, output = compared
    assert '144 months, 1949-01 to 1960-12, column "passengers", season 12' in output
    for name in CLASSICAL.split(","):
        assert name in output
    header = json.loads((folder / "runs" / "air-passengers" / "model.json").read_text())
    assert f"best: {header['comparison']['table'][0]['model']}, fitted to everything" in output
    assert (folder / "runs" / "air-passengers" / "candidates" / "naive" / "model.json").is_file()


class Page(HTMLParser):
    """What a page loads and says."""

    def __init__(self) -> None:
        super().__init__()
        self.outside: list[str] = []
        self.tags: list[str] = []
        self.headings: list[str] = []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.outside += [value for key, value in attributes if key in ("src", "href", "xlink:href") and value and not value.startswith("#")]


def test_the_report_is_one_page_that_needs_nothing_else(compared):
    folder, _ = compared
    text = (folder / "runs" / "air-passengers" / "report.html").read_text(encoding="utf-8")
    page = Page()
    page.feed(text)
    assert page.outside == []
    assert "script" not in page.tags
    assert "@import" not in text
    assert not re.search(r"url\((?!#)", text)
    assert page.tags.count("svg") == 7
    ids = re.findall(r'\bid="([^"]+)"', text)
    assert len(ids) == len(set(ids)), "an id stands once in a page"
    assert set(re.findall(r"url\(#([^)]+)\)", text)) <= set(ids)
    for heading in ("Leaderboard", "Backtest", "just noise", "What each model is", "Make it again"):
        assert heading in text
    assert "inorder compare forecast air-passengers --horizon 12" in text
    assert "ŷ[t+h] = y[t]" in text
    leaderboard = json.loads((folder / "runs" / "air-passengers" / "model.json").read_text())["comparison"]["table"]
    for row in leaderboard:
        assert f"{row['mase']:.4g}" in text


def test_predict_in_every_format_gives_the_numbers_of_python(compared, tmp_path):
    folder, _ = compared
    bundle = folder / "runs" / "air-passengers"
    wanted = inorder.load(bundle).predict(6, levels=(0.9,))
    printed = list(csv.DictReader(io.StringIO(run("predict", str(bundle), "--horizon", "6", "--levels", "0.9", folder=tmp_path).stdout)))
    assert [row["month"][:7] for row in printed] == ["1961-01", "1961-02", "1961-03", "1961-04", "1961-05", "1961-06"]
    assert np.allclose([float(row["mean"]) for row in printed], wanted.mean, rtol=1e-12)
    assert np.allclose([float(row["lower_90"]) for row in printed], wanted.lower[0.9], rtol=1e-12)
    as_json = json.loads(run("predict", str(bundle), "--horizon", "6", "--levels", "0.9", "--json", folder=tmp_path).stdout)
    assert np.allclose([row["upper_90"] for row in as_json["forecast"]], wanted.upper[0.9], rtol=1e-12)
    for ending in ("csv", "parquet", "json"):
        run("predict", str(bundle), "--horizon", "6", "--out", f"out/f.{ending}", folder=tmp_path)
    import polars

    assert np.allclose(polars.read_parquet(tmp_path / "out" / "f.parquet")["mean"].to_numpy(), wanted.mean, rtol=1e-12)
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["f.csv", "f.json", "f.parquet"]
    refused = run("predict", str(bundle), "--out", "f.xlsx", folder=tmp_path, code=2)
    assert "f.xlsx" in refused.stderr


def sales(path: Path, months: int = 60, missing: tuple[int, ...] = ()) -> Path:
    random = np.random.default_rng(5)
    stamps = np.datetime64("2019-01") + np.arange(months)
    values = 200 + 2 * np.arange(months) + 30 * np.sin(np.arange(months) * np.pi / 6) + random.normal(0, 5, months)
    rows = [f"{stamp};{value:.2f}".replace(".", ",") for i, (stamp, value) in enumerate(zip(stamps, values, strict=True)) if i not in missing]
    path.write_text("Monat;Umsatz\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return path


def test_an_own_file_from_fit_to_evaluate(tmp_path):
    early, late = sales(tmp_path / "early.csv", 48), sales(tmp_path / "late.csv", 60)
    done = run("fit", "forecast", str(early), "--model", "holt-winters", "--set", "damped=true", "--out", "model", folder=tmp_path)
    assert "model/report.html" in done.stdout
    after = list(csv.DictReader(io.StringIO(run("predict", "model", str(late), "--horizon", "2", folder=tmp_path).stdout)))
    assert [row["Monat"][:7] for row in after] == ["2024-01", "2024-02"]
    piped = run("predict", "model", "-", "--horizon", "2", folder=tmp_path, text=late.read_text()).stdout
    assert [row["mean"] for row in csv.DictReader(io.StringIO(piped))] == [row["mean"] for row in after]
    scores = json.loads(run("evaluate", "model", str(late), "--horizon", "3", "--json", folder=tmp_path).stdout)
    assert 0 < scores["scores"]["mase"] < 1.5
    assert "in-sample" in scores["signatures"]["mase"]
    nothing = run("evaluate", "model", str(early), folder=tmp_path, code=2)
    assert "no row of the data comes after" in nothing.stderr


def test_best_picks_by_comparison(tmp_path):
    sales(tmp_path / "s.csv")
    done = json.loads(run("fit", "forecast", "s.csv", "--model", "best", "--models", "naive,holt-winters", "--json", folder=tmp_path).stdout)
    assert done["model"] == "holt-winters"
    assert "holt-winters" in (tmp_path / done["out"] / "report.html").read_text()
    header = json.loads((tmp_path / done["out"] / "model.json").read_text())
    assert [row["model"] for row in header["comparison"]["table"]] == ["holt-winters", "naive"]


def test_fit_without_a_name_is_the_combination(tmp_path):
    sales(tmp_path / "s.csv")
    done = json.loads(run("fit", "forecast", "s.csv", "--json", folder=tmp_path).stdout)
    assert done["model"] == "auto"
    refused = run("fit", "forecast", "s.csv", "--models", "naive,mean", folder=tmp_path, code=2)
    assert "--model best" in refused.stderr


def test_json_is_one_object_with_a_row_a_model(tmp_path):
    done = run("compare", "forecast", "air-passengers", "--horizon", "12", "--models", "naive,drift", "--json", folder=tmp_path)
    result = json.loads(done.stdout)
    assert [row["model"] for row in result["table"]] == ["naive", "drift"] or [row["model"] for row in result["table"]] == ["drift", "naive"]
    for row in result["table"]:
        assert {"model", "selection", "mase", "smape", "owa", "crps", "coverage_80", "seconds", "error"} <= set(row)
    assert set(result["signatures"]) >= {"mase", "smape"}
    assert Path(tmp_path / result["out"] / "report.html").is_file()


@pytest.mark.parametrize(
    ("content", "arguments", "match"),
    [
        ("month,sales\n2020-01,1\n2020-02,twelve\n2020-03,3\n", [], "twelve"),
        ("month,sales\n2020-01,1\n2020-01,2\n2020-03,3\n", [], "2020-01"),
        ("", [], "empty"),
        ("month,sales\n", [], "."),
        ("month,sales\n2020-01,1\n2020-02,2\n", [], "needs"),
        ("month,sales\n2020-01,1\n2020-02,2\n", ["--value", "salse"], "salse"),
        ("month,sales\n2020-01,1\n2020-02,2\n", ["--models", "arimaa"], "arimaa"),
        ("month,sales\n2020-01,1\n2020-02,2\n", ["--budget", "soon"], "soon"),
        ("month,sales\n2020-01,1\n2020-02,2\n", ["--levels", "high"], "high"),
    ],
)
def test_bad_input_is_one_sentence_exit_code_2_and_nothing_written(tmp_path, content, arguments, match):
    (tmp_path / "bad.csv").write_text(content)
    done = run("compare", "forecast", "bad.csv", "--horizon", "2", *arguments, folder=tmp_path, code=2)
    assert match in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert [p.name for p in tmp_path.iterdir()] == ["bad.csv"]


def test_a_folder_that_is_not_ours_is_never_overwritten(tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "a.txt").write_text("a")
    done = run("compare", "forecast", "air-passengers", "--models", "naive", "--out", "thesis", folder=tmp_path, code=2)
    assert "thesis" in done.stderr
    assert [p.name for p in (tmp_path / "thesis").iterdir()] == ["a.txt"]


def test_names_with_markup_are_shown_as_text(tmp_path):
    rows = "\n".join(f"2020-{m:02d},{m},{m * 2}" for m in range(1, 13))
    (tmp_path / "x.csv").write_text(f"month,<script>alert(1)</script>,[bold]b[/bold]\n{rows}\n", encoding="utf-8")
    run("compare", "forecast", "x.csv", "--horizon", "1", "--models", "naive", folder=tmp_path)
    text = (tmp_path / "runs" / "x" / "report.html").read_text(encoding="utf-8")
    assert "<script>alert" not in text


def test_a_ctrl_c_inside_exec_ends_with_130_too(tmp_path):
    """As it comes up where an import builds classes from text: `python -m` would end by the signal, whatever exit code was said."""
    code = "import inorder.cli as cli\ndef app(standalone_mode):\n    exec('raise KeyboardInterrupt')\ncli.app = app\ncli.main()"
    (tmp_path / "stopped.py").write_text(code, encoding="utf-8")
    done = subprocess.run([sys.executable, "-m", "stopped"], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr.strip()) == (130, "inorder: stopped; nothing was left half-written.")


def test_ctrl_c_leaves_nothing_behind(tmp_path):
    process = subprocess.Popen(
        [*INORDER, "compare", "forecast", "air-passengers", "--horizon", "12", "--models", "naive,lstm"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("naive:"):
            break
    time.sleep(1.0)
    os.kill(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors.strip().splitlines()[-1] == "inorder: stopped; nothing was left half-written."
    assert list(tmp_path.rglob("*")) == []


def test_a_reader_that_goes_away_does_not_end_the_work(tmp_path):
    for arguments in ("compare forecast air-passengers --horizon 3 --models naive,mean,drift,trend", "data taylor"):
        line = f"{sys.executable} -m inorder {arguments} | head -n 1 >/dev/null; echo ${{PIPESTATUS[0]}}"
        done = subprocess.run(["bash", "-c", line], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
        assert (done.stdout, done.stderr) == ("0\n", "")
    assert (tmp_path / "runs" / "air-passengers" / "report.html").is_file()


def test_data_keep_their_letters_whatever_the_terminal_speaks(tmp_path):
    rows = "\n".join(f"2020-{m:02d},{m},{2 * m}" for m in range(1, 13))
    (tmp_path / "u.csv").write_text(f"month,größe,日本\n{rows}\n", encoding="utf-8")
    run("fit", "forecast", "u.csv", "--model", "naive", "--out", "m", "-q", folder=tmp_path)
    done = subprocess.run([*INORDER, "predict", "m", "-H", "1"], cwd=tmp_path, capture_output=True, env={**os.environ, "PYTHONIOENCODING": "ascii"}, check=True)
    assert "größe" in done.stdout.decode("utf-8")
    assert "日本" in done.stdout.decode("utf-8")
    lecture = subprocess.run([*INORDER, "lecture", "rnn"], cwd=tmp_path, capture_output=True, env={**os.environ, "PYTHONIOENCODING": "ascii"}, check=False)
    assert (lecture.returncode, b"Traceback" in lecture.stderr) == (0, False)


def test_results_of_different_files_get_folders_of_their_own():
    from inorder.commands import stem

    names = ["sales.2023.csv", "sales.2024.csv.gz", "data/Sales.CSV", "-", "a b&c.parquet", ".csv", "air-passengers"]
    assert [stem(name) for name in names] == ["sales.2023", "sales.2024", "Sales", "standard-input", "a-b-c", "series", "air-passengers"]


def test_predict_forecasts_as_far_as_was_compared(tmp_path):
    run("compare", "forecast", "air-passengers", "--horizon", "5", "--models", "naive", "--out", "h5", "-q", folder=tmp_path)
    assert len(run("predict", "h5", folder=tmp_path).stdout.splitlines()) == 6
    for arguments in (("predict", "h5", "-H", "0"), ("fit", "forecast", "air-passengers", "-m", "naive", "-H", "0"), ("predict", "h5", "--out", "f.xls")):
        assert len(run(*arguments, folder=tmp_path, code=2).stderr.strip().splitlines()) == 1


@pytest.mark.skipif(os.geteuid() == 0 and not Path("/proc/version").exists(), reason="needs a place that cannot be written")
def test_a_place_that_cannot_be_written_is_told_before_the_work(tmp_path):
    (tmp_path / "file").write_text("")
    done = run("fit", "forecast", "air-passengers", "-m", "naive", "--out", "file/model", folder=tmp_path, code=2)
    assert "file" in done.stderr
    done = subprocess.run(
        [*INORDER, "fit", "forecast", "air-passengers", "-m", "naive", "--out", "/proc/model"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode in (1, 2)
    assert "Traceback" not in done.stderr


def test_data_models_and_version(tmp_path):
    assert "air-passengers" in run("data", folder=tmp_path).stdout
    assert run("data", "air-passengers", folder=tmp_path).stdout.splitlines()[1].startswith("1949-01,112")
    assert "smple" in run("data", "smple", folder=tmp_path, code=2).stderr
    assert "holt-winters" in run("models", "forecast", folder=tmp_path).stdout
    assert "alpha=null" in run("models", "forecast", "holt", folder=tmp_path).stdout
    listed = json.loads(run("models", "--json", folder=tmp_path).stdout)["forecast"]
    assert listed["holt"]["source"].startswith("Holt 1957")
    assert run("--version", folder=tmp_path).stdout.strip() == f"inorder {inorder.__version__}"


def test_flags_for_reading_are_the_options_of_reading():
    from dataclasses import fields

    from inorder.cli import Reading
    from inorder.data.options import Options

    assert [f.name for f in fields(Reading)] == [f.name for f in fields(Options)]


def load(path: Path, begin: int = 0, end: int = 1000, flags: bool = False) -> Path:
    """Hourly load with a season, a spike at row 600 and one at 850."""
    random = np.random.default_rng(7)
    y = 50 + 10 * np.sin(np.arange(1000) * np.pi / 12) + random.normal(0, 1, 1000)
    y[[600, 850]] += 30
    stamps = np.datetime64("2024-01-01T00:00") + np.arange(1000) * np.timedelta64(1, "h")
    rows = [f"{str(stamps[t]).replace('T', ' ')},{y[t]:.3f}" + f",{int(t in (600, 850))}" * flags for t in range(begin, end)]
    path.write_text("when,load" + ",odd" * flags + "\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return path


def test_detectors_are_compared_by_a_column_of_labels(tmp_path):
    load(tmp_path / "load.csv", flags=True)
    done = run("compare", "detect", "load.csv", "--labels", "odd", "--models", "mean,seasonal-naive,windowed-gaussian", folder=tmp_path)
    assert '1,000 hours, 2024-01-01 00:00 to 2024-02-11 15:00, column "load", season 24' in done.stdout
    header = json.loads((tmp_path / "runs" / "load-detect" / "model.json").read_text())
    best = header["comparison"]["table"][0]["model"]
    assert f"best: {best}, fitted to everything" in done.stdout
    page = (tmp_path / "runs" / "load-detect" / "report.html").read_text(encoding="utf-8")
    for text in ("Leaderboard", "labelled", "2024-01-26 00:00", "inorder compare detect load.csv --labels odd", f"Anomalies: {best}"):
        assert text in page
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids)) and "<script" not in page
    unlabelled = run("compare", "detect", "load.csv", "--value", "load", "--models", "mean,naive", "--json", folder=tmp_path)
    result = json.loads(unlabelled.stdout)
    assert result["ranked"] is False and result["table"][0]["nab"] is None and 0 < result["table"][0]["alarm_rate"] < 0.01


def test_a_detector_from_fit_to_evaluate(tmp_path):
    load(tmp_path / "early.csv", 0, 500), load(tmp_path / "late.csv", 500, 1000), load(tmp_path / "labelled.csv", 500, 1000, flags=True)
    done = run("fit", "detect", "early.csv", "--model", "combined", "--alarm-rate", "1/500", "--set", "quiet=100", "--out", "m", folder=tmp_path)
    assert "an alarm in about 500 rows" in done.stdout and "seasonal=additive" in done.stdout
    printed = run("predict", "m", "late.csv", folder=tmp_path)
    rows = list(csv.DictReader(io.StringIO(printed.stdout)))
    assert list(rows[0]) == ["when", "load", "score", "expected", "lower", "upper", "is_anomaly"] and len(rows) == 500
    raised = [row["when"][:13] for row in rows if row["is_anomaly"] == "true"]
    assert {"2024-01-26T00", "2024-02-05T10"} <= set(raised) and len(raised) <= 4
    assert f"{len(raised)} alarms in 500 rows" in printed.stderr
    wanted = inorder.load(tmp_path / "m").detect(inorder.read_series(tmp_path / "late.csv"))
    assert np.allclose([float(row["score"]) for row in rows], wanted.score, rtol=1e-12)
    streamed = run("predict", "m", "-", folder=tmp_path, text=(tmp_path / "late.csv").read_text()).stdout
    assert [row["is_anomaly"] for row in csv.DictReader(io.StringIO(streamed))] == [row["is_anomaly"] for row in rows]
    for ending in ("csv", "parquet", "json"):
        run("predict", "m", "late.csv", "--out", f"out/f.{ending}", "-q", folder=tmp_path)
    as_json = json.loads((tmp_path / "out" / "f.json").read_text())
    assert as_json["model"] == "combined" and as_json["alarms"] == len(raised) and len(as_json["rows"]) == 500
    scores = json.loads(run("evaluate", "m", "labelled.csv", "--labels", "odd", "--json", folder=tmp_path).stdout)
    assert scores["scores"]["recall"] == 1 and "files=1" in scores["signatures"]["nab"]


def test_lines_are_answered_as_they_come(tmp_path):
    run("fit", "detect", str(load(tmp_path / "early.csv", 0, 500)), "-m", "mean", "--out", "m", "-q", folder=tmp_path)
    process = subprocess.Popen([*INORDER, "predict", "m", "-", "--json"], cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None and process.stdout is not None
    for line, value in (("2024-01-21 19:00,1\n", None), ("2024-01-21 20:00,55\n", 55.0), ("2024-01-21 23:00,5000\n", 5000.0), (",\n", None), ("45.5\n", 45.5)):
        process.stdin.write(line)
        process.stdin.flush()
        if value is not None:  # the first line is a row that the history has, the fourth is empty
            answer = json.loads(process.stdout.readline())
            assert answer["load"] == value and answer["is_anomaly"] == (value == 5000)
    process.stdin.close()
    assert process.wait(timeout=60) == 0
    process.stdout.close()
    refused = run("predict", "m", "-", folder=tmp_path, text="when,load\n2024-01-21 20:00,high\n", code=2)
    assert 'line 2: a number was expected, "high" came' in refused.stderr
    assert "rows to watch" in run("predict", "m", folder=tmp_path, code=2).stderr


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ("compare detect load.csv --horizon 3", "--horizon has no meaning for compare detect"),
        ("compare forecast load.csv --labels odd", "--labels has no meaning for compare forecast"),
        ("compare detect load.csv --labels even", 'no column "even"'),
        ("compare detect load.csv --alarm-rate lots", "lots"),
        ("compare detect load.csv --by mase", 'Score "mase" is unknown'),
        ("fit detect load.csv --model arr", 'Did you mean "ar"'),
        ("fit detect load.csv -m ar --set quite=3", 'Did you mean "quiet"'),
        ("fit detect load.csv --seed 3", "--seed has no meaning for fit detect"),
        ("models detcet", 'Did you mean "detect"'),
    ],
)
def test_wrong_commands_of_detect_are_one_sentence(tmp_path, arguments, match):
    load(tmp_path / "load.csv", 0, 300, flags=True)
    done = run(*arguments.split(), folder=tmp_path, code=2)
    assert match in done.stderr and len(done.stderr.strip().splitlines()) == 1
    assert [p.name for p in tmp_path.iterdir()] == ["load.csv"]


def test_uneven_times_are_fitted_and_forecast_as_they_are(tmp_path):
    times = np.cumsum(np.random.default_rng(0).exponential(size=60))
    rows = "\n".join(f"{t:.4f},{10 + math.sin(t):.4f}" for t in times)
    (tmp_path / "star.csv").write_text("t,m\n" + rows + "\n")
    said = run("compare", "forecast", "star.csv", "--models", "ar", folder=tmp_path, code=2).stderr
    assert "irregular stamps" in said and "--model continuous-time" in said
    assert "best: continuous-time" in run("compare", "forecast", "star.csv", "--horizon", "4", "--out", "compared", folder=tmp_path).stdout
    assert "<svg" in (tmp_path / "compared" / "report.html").read_text()
    run("fit", "forecast", "star.csv", "--model", "continuous-time", "--set", "kind=car", folder=tmp_path)
    assert "<svg" in (tmp_path / "runs" / "star" / "report.html").read_text()
    made = list(csv.DictReader(io.StringIO(run("predict", "runs/star", "--horizon", "3", folder=tmp_path).stdout)))
    assert len(made) == 3 and float(made[0]["t"]) > times[-1]


def test_a_model_with_covariates_is_fitted_before_their_future_is_known(tmp_path):
    rng = np.random.default_rng(1)
    price = rng.normal(size=60)
    rows = [f"{2000 + i},{5 - 2 * price[i] + rng.normal(0, 0.1):.4f},{price[i]:.4f}" for i in range(60)]
    (tmp_path / "sales.csv").write_text("year,y,price\n" + "\n".join(rows[:50]) + "\n")
    settings = ("--model", "arima", "--set", "order=[1,0,0]", "--future", "price")
    done = run("fit", "forecast", "sales.csv", *settings, folder=tmp_path)
    assert re.search(r"price\s+-[12]\.", done.stdout)
    assert "What comes next depends on price. Give the rows to come" in (tmp_path / "runs" / "sales" / "report.html").read_text()
    known = [f"{2050 + i},,{price[50 + i]:.4f}" for i in range(4)]
    (tmp_path / "ahead.csv").write_text("year,y,price\n" + "\n".join(rows[:50] + known) + "\n")
    run("fit", "forecast", "ahead.csv", *settings, folder=tmp_path)
    made = list(csv.DictReader(io.StringIO(run("predict", "runs/ahead", "--horizon", "4", folder=tmp_path).stdout)))
    np.testing.assert_allclose([float(row["mean"]) for row in made], 5 - 2 * price[50:54], atol=0.5)


def test_gaps_are_filled_from_the_command_line(tmp_path):
    rows = [f"{i},{'' if i % 9 == 4 else 3 * i}" for i in range(1, 40)]
    (tmp_path / "gaps.csv").write_text("t,y\n" + "\n".join(rows) + "\n")
    done = run("fill", "gaps.csv", "--transform", "none", folder=tmp_path)
    assert "4 of 39 values were missing and are filled" in done.stderr
    filled = {int(row["t"]): float(row["y"]) for row in csv.DictReader(io.StringIO(done.stdout))}
    assert all(abs(filled[i] - 3 * i) < 1 for i in range(1, 40))
    assert json.loads(run("fill", "gaps.csv", "--json", "--quiet", folder=tmp_path).stdout)["errors"] == {}
    assert run("fill", "gaps.csv", "--out", "gaps.txt", folder=tmp_path, code=2).stderr and not (tmp_path / "gaps.txt").exists()


def test_a_panel_that_is_stopped_says_what_stays(tmp_path, monkeypatch, capsys):
    from inorder import panel
    from inorder.commands.forecast import panel as command

    monkeypatch.chdir(tmp_path)
    (tmp_path / "many.csv").write_text("id,t,y\n" + "\n".join(f"s{i},{t},{i + t}" for i in range(6) for t in range(1, 25)) + "\n")
    write = panel._write
    for allowed, said in ((0, "nothing was written"), (2, "2 finished shards stay in shards, and the same call goes on")):
        done = []

        def stopping(table, path, done=done, allowed=allowed):
            if len(done) == allowed:
                raise KeyboardInterrupt
            write(table, path)
            done.append(path)

        monkeypatch.setattr(panel, "_write", stopping)
        with pytest.raises(SystemExit) as stopped:
            command("many.csv", {}, 2, Path("shards"), "naive", None, "0.8", "auto", 0, 1, 1, "threads", False, True)
        assert stopped.value.code == 130 and said in capsys.readouterr().err
        assert (tmp_path / "shards").exists() == bool(allowed)


def test_many_series_are_forecast_into_shards_that_resume(tmp_path):
    rows = [f"s{i},{t},{i + t % 4}" for i in range(7) for t in range(1, 25)]
    (tmp_path / "many.csv").write_text("id,t,y\n" + "\n".join(rows) + "\n")
    call = ("panel", "many.csv", "--model", "drift", "--horizon", "2", "--chunk", "3", "--out", "forecasts")
    said = run(*call, folder=tmp_path).stdout
    assert "7 series forecast in forecasts" in said
    import polars

    pattern = said.split('polars.read_parquet("')[1].split('"')[0]
    assert len(polars.read_parquet(tmp_path / pattern)) == 14
    shards = sorted((tmp_path / "forecasts").glob("*.parquet"))
    assert len(shards) == 3
    shards[1].unlink()
    said = json.loads(run(*call, "--json", folder=tmp_path).stdout)
    (note,) = said.pop("notes")
    assert "season length 4 found" in note and said == {"task": "forecast", "model": "drift", "series": 7, "failed": 0, "out": "forecasts"}
    assert shards[1].is_file()
    (tmp_path / "wide.csv").write_text("day,a,b,holiday\n" + "\n".join(f"{t},{t},{2 * t},{t % 2}" for t in range(1, 25)) + "\n")
    wide = run("panel", "wide.csv", "--model", "drift", "--horizon", "2", "--out", "wide", folder=tmp_path).stdout
    assert wide.startswith("2 series of 24 steps") and "left out: holiday" in wide
    assert "different: horizon" in run(*call[:5], "3", *call[6:], folder=tmp_path, code=2).stderr


def test_future_covariates_are_handed_over_as_rows_without_values(tmp_path):
    rng = np.random.default_rng(0)
    holiday = rng.integers(0, 2, 60)
    begin = dt.date(2024, 1, 1)
    rows = [(begin + dt.timedelta(i), 100 + 20 * holiday[i] + rng.normal(0, 0.1), holiday[i]) for i in range(60)]
    (tmp_path / "load.csv").write_text("day,load,holiday\n" + "\n".join(f"{d},{y:.3f},{x}" for d, y, x in rows[:50]) + "\n")
    (tmp_path / "coming.csv").write_text("day,load,holiday\n" + "\n".join(f"{d},,{x}" for d, _, x in rows[50:]) + "\n")
    run("fit", "forecast", "load.csv", "--value", "load", "--future", "holiday", "--model", "arima", "--set", "order=1,0,0", "--out", "b", folder=tmp_path)
    made = list(csv.DictReader(io.StringIO(run("predict", "b", "coming.csv", "--horizon", "10", folder=tmp_path).stdout)))
    assert [row["day"] for row in made] == [str(d) for d, _, _ in rows[50:]]
    np.testing.assert_allclose([float(row["mean"]) for row in made], [y for _, y, _ in rows[50:]], atol=1)
    said = run("predict", "b", "coming.csv", "--horizon", "11", folder=tmp_path, code=2).stderr
    assert "11 values" in said and "there are 10" in said
