"""The report of the task `classify`: one self-contained HTML page.

What was read, which model did best and by what choice, which classes it confuses, examples of every class, its most confident mistakes, whether its
probabilities hold, what each model is, and how to make it all again. Every number comes from the result that it describes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from inorder import labelled_plots
from inorder.data.labelled import Sequences
from inorder.metrics.classification import HIGHER_IS_BETTER, calibration, confusion
from inorder.models.sequence_model import FittedSequenceModel
from inorder.plots import svg
from inorder.report import Figure, environment, number, versions
from inorder.tasks.classify import CANDIDATES, Candidate
from inorder.typing import Floats

if TYPE_CHECKING:
    from inorder.classification import ClassificationComparison

MOST_CLASSES = 12  # drawn, and rows of the table of confusions
EXAMPLES = 8  # drawn of each class
MISTAKES = 8

COLUMNS = {
    "selection": ("selection", "the score that ranks, on folds of the training part; the other columns are scores on the test part"),
    "accuracy": ("accuracy", "share of the sequences whose most probable class is the true one"),
    "balanced_accuracy": ("balanced accuracy", "mean over the classes of the share that was found"),
    "macro_f1": ("macro-F1", "mean over the classes of F1"),
    "log_loss": ("log loss", "mean of −ln of the probability of the true class; lower is better"),
    "calibration_error": ("calibration error", "how far, on average, probabilities are from shares that were right; lower is better"),
    "mae": ("MAE", "mean absolute error; lower is better"),
    "rmse": ("RMSE", "root of the mean squared error; lower is better"),
    "r2": ("R²", "share of the variance that is explained"),
    "seconds": ("seconds", "all fits and predictions"),
}


def render_comparison(result: ClassificationComparison, *, made_by: str) -> str:
    """The page of a comparison."""
    columns = [name for name in COLUMNS if any(row.get(name) is not None for row in result.table)]
    said = result.outputs[result.winner]
    return _page(
        title=f"{'Numbers' if result.data.regression else 'Classes'}: {result.winner}",
        lead=result.data.describe(),
        notes=[*result.data.notes, *result.notes],
        verdict=verdict(result),
        table=result.table,
        winner=result.winner,
        columns={name: COLUMNS[name] for name in columns},
        signatures=result.signatures,
        confusions=confusions(result.test, said),
        pictures=[*examples(result.data.training), *mistakes(result.test, said), *curves(result.test, said)],
        models=described([row["model"] for row in result.table], result.data),
        summary=result.best.summary(),
        made_by=made_by,
    )


def render_fitted(fitted: FittedSequenceModel, name: str, data: Sequences, *, made_by: str) -> str:
    """The page of one fitted model; where the data have a test part, with what it says there."""
    held = data[data.test] if data.test.any() else None
    said = None if held is None else fitted.outputs(held.values)
    on_test = [] if held is None or said is None else [*mistakes(held, said), *curves(held, said)]
    return _page(
        title=f"{'Numbers' if data.regression else 'Classes'}: {name}",
        lead=data.describe(),
        notes=data.notes,
        verdict=[],
        table=[],
        winner=name,
        columns={},
        signatures={},
        confusions=None if held is None or said is None else confusions(held, said),
        pictures=[*examples(data.training), *on_test],
        models=described([name], data),
        summary=fitted.summary(),
        made_by=made_by,
    )


def described(names: Sequence[str], data: Sequences) -> list[tuple[str, Candidate, str]]:
    """Each candidate by its name, with the equation that holds for these labels."""
    known = [(name, CANDIDATES[name]) for name in names if name in CANDIDATES]
    return [(name, one, (data.regression and one.of_numbers) or one.equation) for name, one in known]


def _page(**parts: Any) -> str:
    return environment().get_template("classification.html").render(**parts, versions=versions())


def verdict(result: ClassificationComparison) -> list[str]:
    """What the leaderboard says, in sentences."""
    best = result.table[0]
    label = COLUMNS[result.by][0]
    sentences = [
        f"{result.winner} did best of {len(result.table)} models by {label} on {result.folds} fold{'s' * (result.folds != 1)} of the training part.",
        f"On the {len(result.test):,} test sequences, which played no part in the choice, its {label} is {number(best[result.by])}.",
    ]
    simple = [row for row in result.table if row["model"] in ("majority", "nearest") and row["error"] is None and row is not best]
    for row in simple:
        better = (best[result.by] > row[result.by]) == (result.by in HIGHER_IS_BETTER) if best[result.by] != row[result.by] else False
        sentences.append(f"{row['model']} has {number(row[result.by])}{'' if better else ', which is no worse'}.")
    return sentences


def confusions(test: Sequences, said: Floats) -> dict[str, Any] | None:
    """The table of true and predicted classes; None for numbers."""
    if test.regression or test.labels is None:
        return None
    table = confusion(test.labels, said.argmax(axis=1), len(test.classes))
    shown = np.argsort(-(table.sum(axis=0) + table.sum(axis=1) - 2 * np.diag(table)), kind="stable")[:MOST_CLASSES]  # those that are confused most
    shown = np.sort(shown)
    return {
        "classes": [test.classes[k] for k in shown],
        "rows": [(test.classes[k], table[k, shown].tolist(), int(table[k].sum())) for k in shown],
        "more": len(test.classes) - len(shown),
    }


def examples(training: Sequences) -> list[Figure]:
    """Some sequences of every class."""
    groups: list[tuple[str, Sequence[Floats]]] = []
    if training.labels is None or training.regression:
        groups = [(f"{min(len(training), EXAMPLES)} of {len(training):,} training sequences", training.values[:EXAMPLES])]
    else:
        for k, name in enumerate(training.classes[:MOST_CLASSES]):
            own = np.flatnonzero(training.labels == k)
            groups.append((f"{name}: {min(len(own), EXAMPLES)} of {len(own):,}", [training.values[i] for i in own[:EXAMPLES]]))
    channels = f"; {min(len(training.channels), labelled_plots.MOST_CHANNELS)} of {len(training.channels)} channels" if len(training.channels) > 1 else ""
    caption = f"Training sequences{' of each class' if not training.regression else ''}{channels}."
    return [Figure(svg(labelled_plots.plot_examples(groups), "e-"), caption)]


def mistakes(test: Sequences, said: Floats) -> list[Figure]:
    """The sequences that the model was most sure of, and wrong; of numbers those with the greatest errors."""
    if test.labels is None:
        return []
    if test.regression:
        worst = np.argsort(-np.abs(test.labels - said), kind="stable")[:MISTAKES]
        titles = [f"{test.ids[i]}: {number(said[i])}, truly {number(test.labels[i])}" for i in worst]
        caption = "The test sequences with the greatest errors."
    else:
        named = said.argmax(axis=1)
        worst = np.array([i for i in np.argsort(-said.max(axis=1), kind="stable") if named[i] != test.labels[i]][:MISTAKES], dtype=np.int64)
        titles = [f"{test.ids[i]}: {test.classes[named[i]]} ({said[i].max():.0%}), truly {test.classes[test.labels[i]]}" for i in worst]
        caption = "The most confident mistakes in the test part."
    if len(worst) == 0:
        return []
    return [Figure(svg(labelled_plots.plot_singles([(title, test.values[i]) for title, i in zip(titles, worst, strict=True)]), "m-"), caption)]


def curves(test: Sequences, said: Floats) -> Sequence[Figure]:
    """Whether probabilities hold; predicted against true numbers."""
    if test.labels is None:
        return []
    if test.regression:
        return [Figure(svg(labelled_plots.plot_numbers(test.labels, said), "n-"), "Predicted and true numbers of the test part.")]
    curve = calibration(test.labels, said)
    caption = "How sure the model was of its answers in the test part, and how often it was right; larger dots stand for more sequences."
    return [Figure(svg(labelled_plots.plot_calibration(curve.confidence, curve.right, curve.count), "c-"), caption)]
