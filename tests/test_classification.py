"""Models compared: chosen on the training part alone, scored on the test part, reported, saved, and behind every verb."""

from __future__ import annotations

import json
import re
import time
from dataclasses import replace

import numpy as np
import pytest

import inorder
from inorder import classification
from inorder.classification import compare_classify, evaluate_classify, fit_classify, plan_folds, split_off, trained_on
from inorder.data.labelled import Sequences
from inorder.errors import BudgetError, ConfigError, ForecastError, SeriesError
from inorder.kernels.stopping import check
from inorder.models.majority import Majority
from inorder.models.nearest import NearestNeighbour
from inorder.tasks.classify import CANDIDATES, candidate
from inorder.terminal import outcome

FAST = ["minirocket", "nearest", "majority"]
LIGHT = {"minirocket": candidate("minirocket").make(features=168), "nearest": NearestNeighbour(), "majority": Majority()}


def waves(n=40, classes=2, seed=0, test=0) -> Sequences:
    rng = np.random.default_rng(seed)
    t = np.arange(30)
    values = [np.sin(0.25 * (1 + i % classes) * t + rng.uniform(0, 6)) + rng.normal(0, 0.1, 30) for i in range(n)]
    return Sequences.of(values, [f"speed {i % classes}" for i in range(n)], test=np.arange(n) >= n - test)


def numbers(n=40, seed=0) -> Sequences:
    rng = np.random.default_rng(seed)
    speeds = rng.uniform(0.2, 1.0, n)
    return Sequences.of([np.sin(speed * np.arange(40) + rng.uniform(0, 6)) for speed in speeds], speeds)


def test_the_best_of_the_folds_wins_and_the_test_part_has_no_say():
    data = waves(60, test=20)
    result = compare_classify(data, models=LIGHT)
    assert [row["model"] for row in result.table] == ["minirocket", "nearest", "majority"] and result.winner == "minirocket"
    wrong = replace(data, labels=np.where(data.test, 1 - data.labels, data.labels))
    again = compare_classify(wrong, models=LIGHT)
    assert [row["selection"] for row in again.table] == [row["selection"] for row in result.table]
    assert again.table[0]["accuracy"] == pytest.approx(1 - result.table[0]["accuracy"])
    np.testing.assert_array_equal(again.outputs["minirocket"], result.outputs["minirocket"])
    assert result.table[2]["accuracy"] == 0.5 and "models" not in result.to_json()
    assert result.signatures["accuracy"].startswith("examples=20")


def test_scores_are_those_of_the_outputs():
    result = compare_classify(waves(60, test=20), models=LIGHT)
    for row in result.table:
        said = result.outputs[row["model"]]
        assert row["accuracy"] == (said.argmax(axis=1) == result.test.labels).mean()
        assert row["log_loss"] == pytest.approx(-np.log(said[np.arange(20), result.test.labels]).mean())


def test_a_selection_score_is_that_of_models_which_did_not_see_the_example():
    """One neighbour that learnt its own examples would be right about all of them."""
    rng = np.random.default_rng(0)
    noise = Sequences.of(rng.normal(size=(60, 10)), rng.integers(2, size=60).astype(str), test=np.arange(60) >= 50)
    (row,) = compare_classify(noise, models={"nearest": NearestNeighbour()}).table
    assert 0.2 < row["selection"] < 0.8


def test_without_a_test_part_a_fifth_is_drawn_and_the_winner_sees_everything_in_the_end():
    data = waves(50, classes=5)
    result = compare_classify(data, models=LIGHT)
    assert len(result.test) == 10 and np.bincount(result.test.labels).tolist() == [2] * 5
    assert any("a fifth, 10 sequences, was drawn for it" in note for note in result.notes)
    assert result.best.about.counts == (10,) * 5  # of all 50
    with_test = compare_classify(waves(50, test=10), models=LIGHT)
    assert sum(with_test.best.about.counts) == 40  # an official test part is never learnt from


def test_the_only_example_of_a_class_is_learnt_from_and_rare_classes_are_named():
    data = waves(40)
    labels = [*data.names_of(data.labels)[:39], "lonely"]
    for seed in range(5):
        parts, _ = split_off(Sequences.of(data.values, labels), seed)
        assert not parts.test[39] and 7 <= parts.test.sum() <= 8
    result = compare_classify(Sequences.of(data.values, labels), models=LIGHT)
    assert "classes with fewer training sequences than the 5 folds, so that some folds cannot judge them: lonely (1)" in result.notes
    assert not any("fewer training sequences" in note for note in compare_classify(data, models=LIGHT).notes)
    assert split_off(Sequences.of(data.values[:5], list("abcde")), 0)[0].test.sum() == 1  # nothing else could be held out


def test_equals_stay_in_the_order_in_which_they_were_named():
    data = Sequences.of(np.repeat([[0.0, 1.0], [1.0, 0.0]], 10, axis=0), ["u"] * 10 + ["d"] * 10)
    models = {"second": NearestNeighbour(), "first": NearestNeighbour(distance="dtw"), "never": Majority()}
    result = compare_classify(data, models=models)
    assert [row["model"] for row in result.table] == ["second", "first", "never"] and result.winner == "second"
    assert result.table[0]["selection"] == result.table[1]["selection"] == 1


def test_folds():
    training = waves(47, classes=3)
    plan = plan_folds(training, 5, seed=0)
    assert len(plan) == 5 and (np.sum(plan, axis=0) == 1).all()
    (one,) = plan_folds(training, 1, seed=0)
    assert one.sum() == 10
    assert len(plan_folds(training, None, 0)) == 5
    assert len(plan_folds(Sequences.of(np.zeros((1001, 2)), np.arange(1001) % 2), None, 0)) == 3
    assert len(plan_folds(Sequences.of(np.zeros((5001, 2)), np.arange(5001) % 2), None, 0)) == 1
    rare = Sequences.of(np.zeros((5, 4)), ["a", "a", "a", "a", "b"])  # one class is missing in the fold that judges its only example
    assert all(row["error"] is None for row in compare_classify(rare, models={"nearest": NearestNeighbour(), **LIGHT}).table)


def test_numbers_are_compared_by_their_root_mean_squared_error():
    result = compare_classify(numbers(), models=LIGHT)
    assert result.by == "rmse" and result.winner == "minirocket"
    assert result.table[0]["selection"] < result.table[-1]["selection"] and result.table[0]["r2"] > 0.5
    assert result.best.predict(numbers(3, seed=1)).to_frame().columns == ["id", "label"]
    assert "R²" in result.report()
    by = compare_classify(numbers(), models=LIGHT, by="r2")
    assert by.winner == "minirocket" and by.table[0]["selection"] > by.table[-1]["selection"]


def test_what_fails_is_told_and_the_others_go_on():
    class Broken(Majority):
        name = "broken"

        def fit_training(self, *args):
            raise ZeroDivisionError("none")

    result = compare_classify(waves(), models={"broken": Broken(), "majority": Majority()})
    assert result.table[-1]["error"] == "ZeroDivisionError: none" and result.winner == "majority"
    with pytest.raises(ForecastError, match="No model could be fitted. broken: ZeroDivisionError: none"):
        compare_classify(waves(), models={"broken": Broken()})
    late = compare_classify(waves(), models={"majority": Majority(), "minirocket": LIGHT["minirocket"]}, budget=1e9)
    assert late.winner == "minirocket"
    with pytest.raises(ForecastError, match="the time budget was used up"):
        compare_classify(waves(), models={"majority": Majority()}, budget=1e-9)


def test_seeds_decide():
    data = waves(12)
    one, same, other = (compare_classify(data, models=["minirocket"], folds=1, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.outputs["minirocket"], same.outputs["minirocket"])
    assert one.test.ids != other.test.ids
    assert other.best.model.settings["seed"] == 2


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        ({"by": "acuracy"}, 'Score "acuracy" is unknown. Did you mean "accuracy"'),
        ({"by": "rmse"}, "are classes, which rmse does not score"),
        ({"models": ["mini-rocket"]}, 'Did you mean "minirocket"'),
        ({"models": []}, "`models` is empty"),
        ({"folds": 0}, "`folds` is a whole number, 1 or more, not 0"),
        ({"budget": -1}, "`budget` is a number of seconds above 0"),
        ({"season": 3}, 'Option for labelled sequences "season" is unknown'),
    ],
)
def test_options_out_of_range_are_refused(options, shown):
    with pytest.raises(ConfigError, match=shown):
        compare_classify(waves(), **options)


def test_data_that_cannot_be_compared_on_are_refused():
    with pytest.raises(SeriesError, match="has no labels, so nothing can be compared"):
        compare_classify(np.zeros((5, 4)), labelled=False)
    with pytest.raises(SeriesError, match="has 3 sequences; comparing needs 4 at least"):
        compare_classify(waves(3))
    with pytest.raises(SeriesError, match="has a test part alone"):
        compare_classify(waves(6, test=6))
    assert split_off(waves(6, test=2), 0)[1] == []


def test_the_verbs_in_python(tmp_path):
    data = waves(40, test=10)
    result = inorder.compare("classify", data, models=LIGHT)
    saved = result.save(tmp_path / "m")
    loaded = inorder.load(saved)
    np.testing.assert_array_equal(loaded.outputs(result.test.values), result.outputs["minirocket"])
    scores = inorder.evaluate(saved, data)
    assert float(scores["accuracy"]) == result.table[0]["accuracy"]  # of the test part
    assert json.loads((saved / "model.json").read_text())["comparison"]["table"][0]["model"] == "minirocket"
    fitted = inorder.fit("classify", data, "nearest")
    assert fitted.model == NearestNeighbour() and sum(fitted.about.counts) == 30
    assert classification.name_of(inorder.fit("classify", waves(12)).model) == "minirocket"
    best = inorder.fit("classify", data, "best", models=["nearest", "majority"])
    assert classification.name_of(best.model) == "nearest"
    for options, shown in (
        ({"model": "best", "settings": {"seed": 1}}, "Settings belong to one model"),
        ({"model": "nearest", "models": ["nearest"]}, "`models` is what"),
    ):
        with pytest.raises(ConfigError, match=shown):
            fit_classify(data, **options)


def test_rows_without_a_label_are_predicted_as_a_whole(tmp_path):
    data = waves(12)
    np.savetxt(tmp_path / "bare.csv", np.stack([one[:, 0] for one in data.values]), delimiter=",")
    fitted = inorder.load(fit_classify(data, "nearest").save(tmp_path / "m"))
    np.testing.assert_array_equal(fitted.predict(tmp_path / "bare.csv").probabilities, fitted.predict(data).probabilities)
    assert fitted.read(tmp_path / "bare.csv").lengths.tolist() == [30] * 12 and fitted.about.steps == (30, 30)


def test_what_a_model_cannot_be_evaluated_on_is_refused():
    fitted = fit_classify(waves(12), "nearest")
    with pytest.raises(SeriesError, match='has the class "speed 2", which the model does not know; it knows speed 0, speed 1'):
        evaluate_classify(fitted, waves(6, classes=3))
    with pytest.raises(SeriesError, match="has numbers as labels, but the model predicts classes"):
        evaluate_classify(fitted, numbers(5))
    fewer = evaluate_classify(fitted, Sequences.of(waves(12).values[1:2], ["speed 1"]))  # one class of two
    assert float(fewer["accuracy"]) == 1


def test_scores_on_training_sequences_say_so(tmp_path):
    data = waves(20, test=8)
    fitted = inorder.load(fit_classify(data, "nearest").save(tmp_path / "m"))
    apart = evaluate_classify(fitted, data)  # of the test part
    assert "in_training" not in apart["accuracy"].signature and trained_on(apart) == []
    mixed = evaluate_classify(fitted, replace(data, test=np.zeros(20, dtype=bool)))
    assert mixed["accuracy"].parts["in_training"] == "12" and "fitted to 12 of the 20 sequences" in trained_on(mixed)[0]
    alone = evaluate_classify(fitted, data.training)
    assert alone["log_loss"].parts["in_training"] == "12" and "fitted to all 12 sequences" in trained_on(alone)[0]
    ridge = fit_classify(numbers(12), "minirocket", settings={"features": 84})
    assert "fitted to all 5 sequences" in trained_on(evaluate_classify(ridge, numbers(12)[:5]))[0]
    two = Sequences.of([np.array([[1.0, np.nan], [0.0, 3.0]]), np.ones((3, 2))], ["a", "b"], channels=("x", "y"))
    swapped = replace(two, values=tuple(one[:, ::-1] for one in two.values), channels=("y", "x"))
    assert evaluate_classify(fit_classify(two, "nearest"), swapped)["accuracy"].parts["in_training"] == "2"


def test_the_report_of_numbers_shows_their_equations():
    page = compare_classify(numbers(), models=["minirocket", "majority"], folds=1).report()
    assert "softmax" not in page and "examples of class" not in page
    assert "y = b + w·[share" in page and "y = mean of the training" in page
    assert "softmax" in compare_classify(waves(), models=["minirocket"], folds=1).report()
    assert all(len(one.source) > 3 for one in CANDIDATES.values())
    rocket = fit_classify(waves(12), "rocket", settings={"features": 20})
    assert "20 features, two of each of 10 filters" in rocket.summary()


def test_the_report_shows_what_it_should():
    rng = np.random.default_rng(0)
    data = waves(60, classes=3, test=20)
    labels = np.where(rng.random(60) < 0.3, rng.integers(3, size=60), data.labels)  # some labels are wrong: there are mistakes
    result = compare_classify(replace(data, labels=labels), models=LIGHT, call="inorder compare classify <x>")
    page = result.report()
    for wanted in (
        "Leaderboard",
        "The most confident mistakes",
        "Training sequences of each class",
        "What is taken for what",
        "speed 2",
        "&lt;x&gt;",
        "log loss",
    ):
        assert wanted in page, wanted
    said = result.outputs[result.winner].argmax(axis=1)
    table = [[int(cell.replace("·", "0")) for cell in re.findall(r"<td>([\d·]+)</td>", row)] for row in re.findall(r"<tr><td>speed \d</td>.*?</tr>", page)]
    counted = [[int(((result.test.labels == i) & (said == j)).sum()) for j in range(3)] for i in range(3)]
    assert [row[:3] for row in table] == counted and [row[3] for row in table] == [sum(row) for row in counted]
    assert not re.search(r'(src|href)="(http|//)', page)  # nothing is fetched


def test_a_budget_is_kept_and_leaves_time_for_what_takes_none():
    """Twenty million cells for DTW: some ten seconds and more without a budget."""
    data = Sequences.of(np.random.default_rng(0).normal(size=(300, 200)), np.arange(300) % 2, kind="classification")
    for name in ("dtw", "rocket"):
        began = time.monotonic()
        with pytest.raises(BudgetError, match=r"stopped: its 0.3 seconds were used up. Give it more time, with --budget"):
            fit_classify(data, name, budget=0.3)
        assert time.monotonic() - began < 2
    began = time.monotonic()
    result = compare_classify(data, models=["dtw", "majority"], budget=1.5)
    assert time.monotonic() - began < 4 and result.winner == "majority" and "does not last for 6 fits" in result.table[1]["error"]


def test_the_majority_does_not_wait_until_no_time_is_left():
    class Slow(Majority):
        name = "slow"

        def fit_training(self, *args):
            time.sleep(0.2)  # and does not ask whether it should stop
            return super().fit_training(*args)

    result = compare_classify(waves(), models={"slow": Slow(), "majority": Majority()}, budget=0.3)
    assert [row["model"] for row in result.table] == ["majority", "slow"] and result.table[0]["error"] is None
    without = compare_classify(waves(), models={"slow": Slow(), "majority": Majority()}, folds=1)
    assert [row["model"] for row in without.table] == ["slow", "majority"]  # equals stay in the order in which they were named


def test_a_model_that_will_not_be_done_in_time_is_given_up_early():
    class Slow(Majority):
        name = "slow"

        def fit_training(self, *args):
            time.sleep(0.3)  # six fits take 1.8 seconds
            return super().fit_training(*args)

    (row,) = (row for row in compare_classify(waves(), models={"slow": Slow(), "majority": Majority()}, budget=1.5).table if row["model"] == "slow")
    assert "does not last for 6 fits" in row["error"] and row["seconds"] < 1


def test_each_model_has_its_part_of_the_budget_and_the_winner_is_fitted_once_more():
    """The slow one would use up everything; those that come after it, quick ones too, are there all the same."""
    seen = {}

    class Slow(Majority):
        name = "slow"

        def fit_training(self, training, seconds, progress):
            for _ in range(200):
                time.sleep(0.05)
                check()
            return super().fit_training(training, seconds, progress)

    class Gradual(Majority):
        name = "gradual"
        gradual = True

        def ready(self):
            seen["ready"] = 1.0

        def fit_training(self, training, seconds, progress):
            assert seen["ready"]
            seen[len(training)] = seconds
            fitted = super().fit_training(training, seconds, progress)
            return replace(fitted, notes=("Training stopped after 1 of 60 epochs, when its time was used up.",))

    began = time.monotonic()
    result = compare_classify(waves(50), models={"slow": Slow(), "gradual": Gradual(), "nearest": NearestNeighbour()}, budget="3s")
    rows = {row["model"]: row for row in result.table}
    assert rows["slow"]["error"].startswith("stopped: its part of the time, 1.") and rows["slow"]["seconds"] < 1.4
    assert result.winner == "nearest" and sum(result.best.about.counts) == 50 and time.monotonic() - began < 4
    assert min(seen.values()) > 0.2  # of six fits, and one kept: what the slow one did not use
    assert rows["gradual"]["note"].startswith("Training stopped after 1 of 60 epochs") and rows["nearest"]["note"] is None
    assert "stopped after 1 of 60" in str(result.table) and "stopped after 1 of 60" in result.report()
    assert "stopped after 1 of 60" in outcome(rows["gradual"], "accuracy", "classify")


@pytest.mark.parametrize("budget", [0, -1, "0s", "soon", "5 days", True, float("nan"), [5]])
@pytest.mark.parametrize("verb", [inorder.fit, inorder.compare])
@pytest.mark.parametrize("task", ["forecast", "detect", "classify"])
def test_a_budget_is_a_time(task, verb, budget):
    data = waves(6) if task == "classify" else "air-passengers"
    with pytest.raises(ConfigError, match='`budget` is a number of seconds above 0, or a time such as "40s", "10m" or "1h", not '):
        verb(task, data, budget=budget)


def test_budgets_are_taken_as_the_command_line_takes_them():
    assert inorder.fit("forecast", "air-passengers", "naive", budget="40s").predict(1).mean.tolist() == [432.0]
    assert inorder.fit("detect", "air-passengers", "mean", budget="10m").history.source
    assert inorder.fit("classify", waves(6), "nearest", budget="1h").about.classes


def test_without_time_for_the_last_fit_the_winner_stays_as_it_was_scored(monkeypatch):
    monkeypatch.setattr(classification.Clock, "last", lambda clock: 0.0)
    result = compare_classify(waves(50), models=LIGHT)
    assert sum(result.best.about.counts) == 40 and any("minirocket has not seen the test sequences" in note for note in result.notes)
