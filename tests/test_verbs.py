"""Newer rows for a saved model, and its scores on them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import inorder
from inorder.backtest import DECILES, fold_of, naive2_means, score
from inorder.data.series import Series, read_series
from inorder.errors import ConfigError, ForecastError, InputError, SeriesError
from inorder.verbs import evaluate, fit, load, newer

MONTHS = np.arange("2010-01", "2020-01", dtype="datetime64[M]")
DAYS = np.arange("2020-01-01", "2020-02-10", dtype="datetime64[D]")


def write(path: Path, header: str, *columns: Any) -> Path:
    path.write_text(header + "\n" + "".join(",".join(map(str, row)) + "\n" for row in zip(*columns, strict=True)), encoding="utf-8")
    return path


def values(rows: int, seed: int = 0) -> list[float]:
    random = np.random.default_rng(seed)
    return (100 + np.arange(rows) + 10 * np.sin(np.arange(rows) * np.pi / 6) + random.normal(0, 2, rows)).round(2).tolist()


def panel(path: Path, ends: dict[str, int]) -> Path:
    """Series of monthly values, each to its own row."""
    stamps = [(name, MONTHS[t], value) for k, (name, end) in enumerate(ends.items()) for t, value in enumerate(values(120, k)[:end])]
    return write(path, "id,date,y", *zip(*stamps, strict=True))


@pytest.mark.parametrize(
    ("called", "task", "wrong", "shown"),
    [
        (inorder.fit, "forecast", "max_epochs", "takes no keyword `max_epochs`. Settings of a model go into settings={'max_epochs': …}. Known: "),
        (inorder.fit, "detect", "setings", r"takes no keyword `setings`. Did you mean `settings`\?"),
        (inorder.fit, "classify", "hidden", r"takes no keyword `hidden`.*settings={'hidden': …}"),
        (inorder.compare, "forecast", "horizont", r'compare\("forecast", …\) takes no keyword `horizont`. Did you mean `horizon`\? Known: '),
        (inorder.compare, "detect", "label", r"Did you mean `labels`\?"),
        (inorder.compare, "classify", "valu", r"Did you mean `value`\?"),
    ],
)
def test_an_unknown_keyword_is_named(called, task, wrong, shown):
    with pytest.raises(ConfigError, match=shown):
        called(task, "air-passengers", **{wrong: 3})


def test_keywords_are_checked_before_scores_are_computed():
    with pytest.raises(ConfigError, match=r'evaluate\("forecast", …\) takes no keyword `stepp`. Did you mean `step`\?'):
        inorder.evaluate(fit("forecast", "air-passengers", "naive"), "air-passengers", stepp=3)


def saved(tmp_path: Path, data: Any, model: str = "naive", **reading: Any) -> Any:
    """A model as it comes back from its bundle."""
    return load(fit("forecast", data, model, **reading).save(tmp_path / "model"))


class TestNewer:
    def test_rows_of_another_frequency_are_refused(self, tmp_path: Path) -> None:
        model = saved(tmp_path, write(tmp_path / "old.csv", "date,sales", MONTHS, values(120)))
        daily = write(tmp_path / "new.csv", "date,sales", DAYS, range(40))
        with pytest.raises(SeriesError, match=r"new rows are daily, the history is monthly; aggregate them with --every 1mo --how sum"):
            newer(model, daily)
        new = newer(model, daily, every="1mo", how="sum")
        assert new is not None and new.values.tolist() == [sum(range(31)), sum(range(31, 40))]
        after = model.update(new).predict(1)
        assert after.history.label(after.index[0]) == "2020-03"

    def test_series_that_the_model_does_not_know_are_named(self, tmp_path: Path) -> None:
        model = saved(tmp_path, panel(tmp_path / "old.csv", {"a": 100, "b": 100}))
        new = newer(model, panel(tmp_path / "new.csv", {"a": 104, "b": 104, "c": 104, "d": 104}))
        assert new is not None and new.notes[-1] == f'Left out, since the model does not know it: the series "c" and 1 more of {new.source}.'

    def test_a_forecast_without_the_covariates_of_its_steps_is_the_inputs_fault(self, tmp_path: Path) -> None:
        old = write(tmp_path / "old.csv", "date,sales,promo", MONTHS, values(120), [k % 3 for k in range(120)])
        model = saved(tmp_path, old, "arima", value="sales", future=["promo"])
        with pytest.raises(InputError, match=r'needs 2 values of the future covariate "promo".*there are 0\. Give the rows to come') as caught:
            model.predict(2)
        assert isinstance(caught.value, ForecastError)

    def test_a_saved_model_knows_how_its_file_was_read(self, tmp_path: Path) -> None:
        old = write(tmp_path / "old.csv", "date,sales", [f"{d:02d}/01/2020" for d in range(1, 13)], range(12))
        model = saved(tmp_path, old, dates="day-first", missing=["closed"])
        new = newer(model, write(tmp_path / "new.csv", "date,sales", [f"{d:02d}/01/2020" for d in range(13, 18)], [1, 2, "closed", 4, 5]))
        assert new is not None and [new.label(stamp) for stamp in new.index] == [f"2020-01-{d}" for d in range(13, 18)]
        assert np.isnan(new.values[2])
        february = write(tmp_path / "february.csv", "date,sales", [f"{d:02d}/02/2020" for d in range(1, 6)], range(5))
        new = newer(model, february)
        assert new is not None and [new.label(stamp) for stamp in new.index] == [f"2020-02-0{d}" for d in range(1, 6)]
        with pytest.raises(SeriesError, match="monthly.*daily"):
            newer(model, february, dates="month-first")

    def test_the_column_of_another_name_is_refused(self, tmp_path: Path) -> None:
        model = saved(tmp_path, write(tmp_path / "old.csv", "date,sales", MONTHS[:60], values(60)))
        price = write(tmp_path / "price.csv", "date,price", MONTHS[60:62], [5, 6])
        with pytest.raises(SeriesError, match=r'no column "sales".*"price".*--value price'):
            newer(model, price)
        told = newer(model, price, value="price")
        assert told is not None and told.values.tolist() == [5, 6]
        both = newer(model, write(tmp_path / "both.csv", "date,price,sales", MONTHS[60:62], [5, 6], [7, 8]))
        assert both is not None and both.values.tolist() == [7, 8]
        assert newer(model, write(tmp_path / "old.csv", "date,sales", MONTHS[:60], values(60))) is None

    def test_every_series_of_a_panel_grows_from_its_own_end(self, tmp_path: Path) -> None:
        model = saved(tmp_path, panel(tmp_path / "old.csv", {"a": 60, "b": 58}))
        new = newer(model, panel(tmp_path / "new.csv", {"a": 62, "b": 62, "c": 62}))
        assert new is not None and new.ids == ("a", "b") and new.lengths.tolist() == [2, 4]
        assert model.update(new).history.lengths.tolist() == [62, 62]
        with pytest.raises(SeriesError, match='no series "b"'):
            newer(model, panel(tmp_path / "new.csv", {"a": 62, "c": 62}))

    def test_another_kind_of_stamps(self, tmp_path: Path) -> None:
        model = saved(tmp_path, "air-passengers")
        with pytest.raises(SeriesError, match="other stamps"):
            newer(model, [1.0, 2.0])


class TestEvaluate:
    def test_the_scores_are_those_of_the_leaderboard(self) -> None:
        y = read_series("air-passengers")
        history = y.head(24)
        model = fit("forecast", history, "holt-winters")
        scores = evaluate(model, y, horizon=12, levels=(0.5,))
        wanted = []
        for leave in (24, 12):
            at = model if leave == 24 else model.update(y.head(12).tail(12))
            fold = fold_of("", y, y.head(leave), 12)
            wanted.append(score(fold, at.predict(12, sorted({*DECILES, 0.5})), (0.5,), naive2_means([fold])[0]))
        assert set(scores) == set(wanted[0])
        scale = np.abs(history.values[12:] - history.values[:-12]).mean()
        for key, one in scores.items():
            values = [fold[key].value for fold in wanted]
            if key == "rmse":
                assert one.value == pytest.approx(np.sqrt(np.mean(np.square(values))), rel=1e-12)
            elif key == "mase":
                assert one.value == pytest.approx(scores["mae"].value / scale, rel=1e-12)
            elif key != "owa":
                assert one.value == pytest.approx(np.mean(values), rel=1e-12), key
            assert one.parts["origins"] == "2"

    @pytest.mark.parametrize("horizon", [1, 3, 12])
    def test_naive2_scores_one_on_owa_whatever_the_origins(self, horizon: int) -> None:
        y = read_series("air-passengers")
        assert evaluate(fit("forecast", y.head(12), "naive2"), y, horizon=horizon)["owa"].value == pytest.approx(1, abs=0.05)

    def test_the_same_numbers_as_a_backtest_without_refit(self) -> None:
        y = read_series("air-passengers")
        table = inorder.compare("forecast", y, horizon=12, models=["naive"], folds=1).table
        scores = evaluate(fit("forecast", y.head(12), "naive"), y)
        for key in ("mase", "smape", "owa", "crps", "pinball", "coverage_80"):
            assert scores[key].value == pytest.approx(table[0][key], rel=1e-12), key

    def test_one_series_without_intervals_spoils_no_score(self, tmp_path: Path) -> None:
        stamps = [("a", MONTHS[t], value) for t, value in enumerate(values(60))] + [("b", MONTHS[58], 3), ("b", MONTHS[59], 4)]
        y = read_series(write(tmp_path / "p.csv", "id,date,y", *zip(*stamps, strict=True)))
        history = y.head(np.array([6, 1]))
        scores = evaluate(fit("forecast", history, "naive"), y, horizon=1)
        assert all(np.isfinite(scores[key].value) for key in ("pinball", "crps", "coverage_80", "interval_score_95"))

    def test_uneven_panels(self, tmp_path: Path) -> None:
        model = saved(tmp_path, panel(tmp_path / "old.csv", {"a": 60, "b": 58}), "naive")
        data = panel(tmp_path / "new.csv", {"a": 62, "b": 62})
        scores = evaluate(model, data)
        a, b = np.array(values(120, 0)), np.array(values(120, 1))
        errors = [np.abs(a[60:62] - a[59]).mean(), np.abs(b[58:62] - b[57]).mean()]
        assert scores["mae"].value == pytest.approx(np.mean(errors)) and scores["mae"].parts["missing"] == "2"
        rolling = evaluate(model, data, horizon=1)
        errors = [np.abs(np.diff(a[59:62])).mean(), np.abs(np.diff(b[57:62])).mean()]
        assert rolling["mae"].value == pytest.approx(np.mean(errors)) and rolling["mae"].parts["origins"] == "4"

    def test_a_gap_after_the_history_moves_nothing(self) -> None:
        y = read_series("air-passengers")
        model = fit("forecast", y.head(12), "seasonal-naive")
        cut = y.tail(9)  # three months are left out
        came = y.values[-9:]
        assert evaluate(model, cut)["mae"].value == pytest.approx(np.abs(came - y.values[-21:-12]).mean())

    def test_future_covariates_are_known_at_the_first_origin(self) -> None:
        y = replace(Series.of(values(30)), future={"f": np.arange(30.0)})
        seen = []

        def spy(at: Any, horizon: int, levels: Any) -> Any:
            seen.append(at.history.ahead["f"][0, :horizon].tolist())
            return type(model).predict(at, horizon, levels)

        model = fit("forecast", y.head(4), "naive")
        model = replace(model, history=replace(model.history, ahead={}))
        kind = type("Spying", (type(model),), {"predict": lambda at, horizon, levels, **options: spy(at, horizon, levels)})
        evaluate(kind(**{name: getattr(model, name) for name in model.__dataclass_fields__}), y, horizon=2)
        assert seen == [[26, 27], [28, 29]]

    @pytest.mark.parametrize("step", [0, -1, 1.5, True])
    def test_step_is_a_whole_number(self, step: Any) -> None:
        y = read_series("air-passengers")
        with pytest.raises(ConfigError, match=f"`step`.*{step}"):
            evaluate(fit("forecast", y.head(12), "naive"), y, step=step)

    @pytest.mark.parametrize("horizon", [0, 13, 2.0])
    def test_horizon_lies_among_the_newer_rows(self, horizon: Any) -> None:
        y = read_series("air-passengers")
        with pytest.raises(ConfigError, match=f"`horizon` is.*{horizon}"):
            evaluate(fit("forecast", y.head(12), "naive"), y, horizon=horizon)

    def test_nothing_newer(self) -> None:
        with pytest.raises(SeriesError, match="no row of the data comes after"):
            evaluate(fit("forecast", "air-passengers", "naive"), "air-passengers")
