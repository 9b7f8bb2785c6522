"""Files, folders, zips and labels of the task `detect`, and detectors that come back from their bundles."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

import inorder
from inorder.bundle import Bundle, read_bundle, write_bundle
from inorder.data.series import Series
from inorder.errors import BundleError, ConfigError, SeriesError
from inorder.metrics.detection import Window
from inorder.tasks.detect import CANDIDATES, parse_rate, read_rows, read_watched

NAB = Path(__file__).resolve().parents[3] / "shared" / "data" / "anomaly" / "nab.zip"
needs_nab = pytest.mark.skipif(not NAB.is_file(), reason="../shared/data/anomaly/nab.zip is not beside this checkout")
HOURS = np.datetime64("2024-01-01T00") + np.arange(400) * np.timedelta64(1, "h")


def write(path: Path, rows: int = 400, label: tuple[int, ...] = (), stamps: np.ndarray = HOURS) -> Path:
    values = np.random.default_rng(0).normal(size=rows).round(3)
    flags = [f",{int(t in label)}" if label else "" for t in range(rows)]
    lines = [f"{str(stamps[t]).replace('T', ' ')}:00,{values[t]}{flags[t]}" for t in range(rows)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("timestamp,value" + (",label" if label else "") + "\n" + "\n".join(lines) + "\n")
    return path


def test_a_column_of_flags(tmp_path):
    (one,) = read_watched(write(tmp_path / "a.csv", label=(100, 101, 102, 300)), "label")
    assert one.windows == (Window(100, 102), Window(300, 300)) and one.series.names.value == "value"
    with pytest.raises(ConfigError, match='"value" of a.csv is not one of labels'):
        read_watched(write(tmp_path / "a.csv", label=(1,)), "value", value="label")
    with pytest.raises(SeriesError, match='Did you mean "label"'):
        read_watched(tmp_path / "a.csv", "lable")


def test_points_and_windows(tmp_path):
    file = write(tmp_path / "a.csv")
    assert read_watched(file, [])[0].windows == ()
    assert read_watched(file)[0].windows is None
    assert read_watched(file, ["2024-01-05 04:00"])[0].windows == (Window(80, 120),)
    given = [["2024-01-05 04:00", "2024-01-05 06:30:00.000000"]]
    assert read_watched(file, {"folder/a.csv": given})[0].windows == (Window(100, 102),)
    (tmp_path / "labels.json").write_text(json.dumps({"a.csv": given}))
    assert read_watched(file, str(tmp_path / "labels.json"))[0].windows == (Window(100, 102),)
    assert read_watched(np.arange(50.0), [[11, 20]])[0].windows == (Window(10, 19),)


@pytest.mark.parametrize(
    ("labels", "match"),
    [
        ({"b.csv": []}, r'say nothing of "a.csv"; they know b.csv'),
        (["yesterday"], '"yesterday" of "a.csv" is not a date'),
        (["2031-01-01"], "holds none of its rows"),
        ([[1, 2, 3]], "a list of points, or of windows"),
        ("nowhere.json", "nowhere.json are not a file"),
    ],
)
def test_labels_that_do_not_fit_are_refused(tmp_path, labels, match):
    with pytest.raises(ConfigError, match=match):
        read_watched(write(tmp_path / "a.csv"), labels)


def test_broken_json_is_refused(tmp_path):
    (tmp_path / "labels.json").write_text("{")
    with pytest.raises(ConfigError, match="labels.json are not readable JSON"):
        read_watched(write(tmp_path / "a.csv"), tmp_path / "labels.json")


def test_a_folder_and_a_zip_of_files(tmp_path):
    folder = tmp_path / "set"
    write(folder / "one" / "a.csv"), write(folder / "two" / "b.csv", rows=300)
    (folder / "labels").mkdir()
    (folder / "labels" / "windows.json").write_text(json.dumps({"one/a.csv": [], "two/b.csv": [["2024-01-05 04:00", "2024-01-05 06:00"]]}))
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as packed:
        for file in sorted(folder.rglob("*.*")):
            packed.write(file, file.relative_to(folder))
    for data in (folder, tmp_path / "set.zip"):
        watched = read_watched(data, "labels/windows.json")
        assert [one.name for one in watched] == ["one/a.csv", "two/b.csv"]
        assert [one.windows for one in watched] == [(), (Window(100, 102),)]
    with pytest.raises(ConfigError, match="for a single file"):
        read_watched(folder, ["2024-01-05 04:00"])
    (tmp_path / "bad.zip").write_text("no zip")
    with pytest.raises(SeriesError, match=r"bad.zip cannot be unpacked"):
        read_watched(tmp_path / "bad.zip")
    (tmp_path / "empty").mkdir()
    with pytest.raises(SeriesError, match="holds no CSV"):
        read_watched(tmp_path / "empty")


def test_gaps_become_empty_rows_and_windows_count_rows_with_values(tmp_path):
    stamps = np.delete(HOURS, np.arange(50, 60))
    (one,) = read_watched(write(tmp_path / "a.csv", rows=390, stamps=stamps), [["2024-01-05 04:00", "2024-01-05 06:00"]])
    assert len(one.series.values) == 400 and one.windows == (Window(90, 92),)


def test_stamps_that_appear_twice_leave_the_rows_in_their_order(tmp_path):
    stamps = HOURS.copy()
    stamps[200:] -= np.timedelta64(1, "h")  # the clocks went back
    file = write(tmp_path / "a.csv", stamps=stamps)
    series = read_rows(file)
    assert series.frequency is None and series.season_length == 24 and len(series.values) == 400
    np.testing.assert_array_equal(series.values, np.random.default_rng(0).normal(size=400).round(3))
    assert "order of the file" in series.notes[-1]
    with pytest.raises(SeriesError, match="twelve"):
        read_rows(write_text(tmp_path / "b.csv", "time,value\n2024-01-01,1\n2024-01-02,twelve\n2024-01-03,4\n"))


def write_text(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_rates():
    assert [parse_rate(text) for text in ("1/1000", " 0.002 ", "1%")] == [0.001, 0.002, 0.01]
    for text in ("often", "1/0", "1/x", ""):
        with pytest.raises(ConfigError, match="alarm rate"):
            parse_rate(text)


@needs_nab
def test_windows_made_of_the_points_are_those_of_the_benchmark():
    """The published windows were made of the published points by Lavin & Ahmad's rule. In one file a published window lies elsewhere."""
    points, windows = (read_watched(NAB, f"labels/combined_{kind}.json") for kind in ("labels", "windows"))
    assert len(points) == 41
    different = [one.name for one, other in zip(points, windows, strict=True) if one.windows != other.windows]
    assert different == ["realAWSCloudwatch/iio_us-east-1_i-a2eb1cd9_NetworkIn.csv"]
    assert sum(len(one.windows or ()) for one in windows) == 69


# --- bundles ---

HISTORY = Series.of(np.random.default_rng(0).normal(size=300) + np.tile([0.0, 3.0, 1.0], 100), season_length=3)
NEW = np.random.default_rng(1).normal(size=200)


@pytest.mark.parametrize("name", CANDIDATES)
def test_what_is_loaded_is_what_was_saved(tmp_path, name):
    fitted = inorder.fit("detect", HISTORY, name, alarm_rate=0.01, settings={"quiet": 30})
    again = inorder.load(fitted.save(tmp_path / "m"))
    assert again.detector == fitted.detector
    assert again.summary() == fitted.summary()
    one, other = fitted.detect(NEW), again.detect(NEW)
    for part in ("score", "expected", "lower", "upper", "threshold", "is_anomaly"):
        np.testing.assert_array_equal(getattr(one, part), getattr(other, part))


def test_a_panel_with_a_series_that_cannot_be_watched_is_saved_too(tmp_path):
    values = np.random.default_rng(0).normal(size=(200, 2))
    values[:, 1] = np.nan
    for name in ("combined", "windowed-gaussian"):
        fitted = inorder.fit("detect", Series.of(values, season_length=4), name)
        again = inorder.load(fitted.save(tmp_path / name))
        assert list(again.errors) == ["y2"]
        np.testing.assert_array_equal(again.detect(values[:9]).score, fitted.detect(values[:9]).score)


def damaged(tmp_path: Path, **changes: object) -> Path:
    saved = read_bundle(inorder.fit("detect", HISTORY, "ar").save(tmp_path / "m"))
    header = {key: value for key, value in {**saved.model, **changes}.items() if key not in ("format", "versions", "files")}
    return write_bundle(tmp_path / "damaged", Bundle(header, saved.weights))


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"settings": 3}, '"settings"'),
        ({"settings": {"alarm_rate": 7}}, "`alarm_rate`"),
        ({"settings": {"rate": 7}}, '"rate" is unknown'),
        ({"members": {}}, '"members"'),
        ({"members": []}, "`forecasters`"),
        ({"members": [3]}, "damaged"),
        ({"members": [{"model": "os.system", "settings": {}, "errors": {}}]}, 'the model "os.system"'),
        ({"members": [{"model": "holt", "settings": {}, "errors": {}}]}, "no array"),
        ({"model": "subprocess"}, 'the detector "subprocess"'),
        ({"series": None}, "JSON object"),
    ],
)
def test_a_damaged_or_hostile_bundle_is_refused(tmp_path, changes, match):
    with pytest.raises(BundleError, match=match):
        inorder.load(damaged(tmp_path, **changes))
