"""Models of labelled sequences side by side: chosen by cross-validation on the training part, scored on the test part.

    training part  ├ fold 1 ┤ fold 2 ┤ … ┤ fold k ┤   each judged by a model that learnt from the others: the selection
    test part      ├──────────────────────────────┤   judged by a model that learnt from the whole training part; plays no part in the choice

Folds hold the classes in equal shares. Where the data have no test part, a fifth is drawn for it, and the winner is fitted once more to everything.

Source: Stone 1974, Cross-validatory choice and assessment of statistical predictions; Kohavi 1995 (stratified folds).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from inorder.budget import Clock, seconds_of
from inorder.data.labelled import Sequences, fold_of
from inorder.data.labelled_reading import read_sequences
from inorder.errors import BudgetError, ConfigError, SeriesError, unknown
from inorder.kernels.stopping import check
from inorder.leaderboard import OnRow, Table
from inorder.metrics.classification import CLASS_SCORES, HIGHER_IS_BETTER, NUMBER_SCORES, classification_scores, regression_scores
from inorder.metrics.score import Score, signature
from inorder.models.sequence_model import FittedSequenceModel, Progress, SequenceModel, within
from inorder.ranking import Entry, Share, rank
from inorder.tasks.classify import CANDIDATES, candidate, seeded
from inorder.typing import Floats

if TYPE_CHECKING:
    from inorder.bundle import Bundle

RANKING = (*CLASS_SCORES[:4], *NUMBER_SCORES)
TEST_SHARE = 0.2  # drawn where the data have no test part
MANY = ((1000, 5), (5000, 3))  # up to so many training examples, so many folds; one held-out fifth beyond
QUICK = ("majority", "nearest", "minirocket")  # run first, so that what they do not use of a budget is for the others
LAST_FIT = 1.6  # of the time that a fit to the training part took: a quarter more sequences, where some work grows with their square
OnProgress = Callable[[str, float], None]  # model, share of its work that is done


@dataclass(frozen=True, eq=False)
class ClassificationComparison:
    """The result of `compare("classify", …)`.

    table: one row a model, the best first, by the score `by` on the training part's folds.   best: the winner.
    test: the examples that the scores come from.   outputs: model -> what it says of them: probabilities (examples, classes) or numbers (examples,).
    signatures: score -> how it was computed.   folds: how many.
    """

    table: Table
    best: FittedSequenceModel
    winner: str
    data: Sequences
    test: Sequences
    outputs: Mapping[str, Floats]
    signatures: Mapping[str, str]
    by: str
    folds: int
    notes: tuple[str, ...] = ()
    call: str = ""

    def __str__(self) -> str:
        return f"{self.table}\nbest: {self.winner}"

    def to_json(self) -> dict[str, Any]:
        """The leaderboard and how it came about, as plain values."""
        return {
            "task": "classify",
            "data": self.data.describe(),
            "classes": list(self.data.classes),
            "by": self.by,
            "folds": self.folds,
            "test_examples": len(self.test),
            "best": self.winner,
            "table": list(self.table),
            "signatures": dict(self.signatures),
            "notes": [*self.data.notes, *self.notes],
        }

    def report(self) -> str:
        """The report: one HTML page that needs nothing else."""
        from inorder.classification_report import render_comparison

        return render_comparison(self, made_by=self.call)

    def save(self, path: str | Path) -> Path:
        """Save the winner as a bundle with leaderboard and report."""
        from inorder.bundle import write_bundle

        own: Bundle = self.best.bundle(candidate=self.winner, comparison=self.to_json())
        return write_bundle(path, replace(own, texts={"report.html": self.report()}))


def compare_classify(
    data: Any,
    *,
    test: Any = None,
    models: Sequence[str] | Mapping[str, SequenceModel] | None = None,
    by: str | None = None,
    folds: int | None = None,
    budget: float | str | None = None,
    seed: int = 0,
    on_row: OnRow | None = None,
    on_progress: OnProgress | None = None,
    call: str = "",
    **reading: Any,
) -> ClassificationComparison:
    """Fit every model to the same folds of the training part, rank them there, and score them on the test part.

    data, test, further keywords: what `read_sequences` reads.   models: names of candidates, or name -> model; None = all.
    by: the score that ranks: "accuracy" (the usual), "balanced_accuracy", "macro_f1", "log_loss"; for numbers "rmse" (the usual), "mae", "r2". Equals stay in
    the order of `models`: random kernels before neighbours before networks.   folds: of the training part; 1 = one held-out fifth; None = 5, fewer for
    thousands.
    budget: seconds for everything, or a time such as "10m"; what is not reached is reported as such. The quick models come first, and may use half of
    what is left; each of the others gets an equal part of it. What a model does not use is for the others, and a part is kept to fit the winner once more. The
    row of a network that was stopped early says so, in `note`.   seed: of folds and models.

    Raises ConfigError for an option that is out of range, SeriesError for data that cannot be read or are too few to compare on.

    >>> t, rng = np.arange(30), np.random.default_rng(0)
    >>> waves = np.stack([np.sin(t / (2 + i % 2) + rng.uniform(0, 6)) for i in range(40)])
    >>> result = compare_classify((waves, np.arange(40) % 2), models=["minirocket", "majority"])
    >>> result.winner, result.table[0]["accuracy"]
    ('minirocket', 1.0)
    """
    check_options(models=models, by=by, folds=folds, budget=budget)
    clock = Clock(budget)
    whole = read_sequences(data, test=test, **reading)
    by = ranking_of(whole, by)
    parts, notes = split_off(whole, seed)
    training, held = parts.training, parts[parts.test]
    plan = plan_folds(training, folds, seed)
    notes += rare_classes(training, len(plan))
    names = list(CANDIDATES) if models is None else list(models)
    again = not whole.test.any()  # the winner is fitted once more in the end

    def enter(name: str, share: Share) -> Entry:
        model = models[name] if isinstance(models, Mapping) else seeded(name, seed)
        model.ready()
        limit = share()
        own, fits = Clock(limit), len(plan) + 1
        try:
            chosen, cut = cross_validated(name, model, training, plan, own, on_progress, 1 + again)
            last = time.perf_counter()
            fitted, outputs = fit_and_ask(model, training, held, own, 1 + again, progress_of(name, len(plan), len(plan), on_progress))
        except BudgetError as error:
            raise (BudgetError(short_of_time(limit, fits)) if limit is not None else error) from None
        note = next(iter((*fitted.notes, *cut)), None)
        return Entry(fitted, chosen[by].value, scores_of(held, outputs), outputs, note, LAST_FIT * (time.perf_counter() - last))

    scored, higher = NUMBER_SCORES if whole.regression else CLASS_SCORES, by in HIGHER_IS_BETTER
    ranking = rank(names, enter, scored=scored, higher=higher, clock=clock, quick=QUICK, again=again, on_row=on_row)
    winner = ranking.winner
    best: FittedSequenceModel = ranking.entries[winner].fitted
    if again:
        try:
            best = best.model.fit(replace(parts, test=np.zeros(len(parts), dtype=bool)), seconds=clock.last())
            notes += [f"{winner}: {note}" for note in best.notes]
            notes.append(f"{winner} was fitted once more to all {len(parts):,} sequences, after it had been scored.")
        except BudgetError:
            notes.append(f"{winner} has not seen the test sequences: the time budget was used up before it was fitted once more to all.")
    return ClassificationComparison(
        table=ranking.table,
        best=best,
        winner=winner,
        data=parts,
        test=held,
        outputs={name: entry.said for name, entry in ranking.entries.items()},
        signatures=ranking.signatures,
        by=by,
        folds=len(plan),
        notes=tuple(notes),
        call=call or "inorder.compare('classify', data)",
    )


def check_options(*, models: Sequence[str] | Mapping[str, SequenceModel] | None, by: str | None, folds: int | None, budget: float | str | None) -> None:
    """Refuse what is out of range, before any data are read.   Raises ConfigError."""
    if by is not None and by not in RANKING:
        raise unknown("score", by, RANKING)
    if folds is not None and (isinstance(folds, bool) or not isinstance(folds, int) or folds < 1):
        raise ConfigError(f"`folds` is a whole number, 1 or more, not {folds!r}.")
    seconds_of(budget)
    if models is not None and not models:
        raise ConfigError("`models` is empty; name at least one, or leave it out for all.")
    if models is not None and not isinstance(models, Mapping):
        for name in models:
            candidate(name)


def ranking_of(data: Sequences, by: str | None) -> str:
    """The score that ranks, which has to suit the labels.   Raises SeriesError for data without labels, ConfigError for a score of the other kind."""
    if data.labels is None:
        raise SeriesError(f"{data.source} has no labels, so nothing can be compared.")
    known = NUMBER_SCORES if data.regression else CLASS_SCORES
    if by is not None and by not in known:
        kind = "numbers" if data.regression else "classes"
        raise ConfigError(
            f"The labels of {data.source} are {kind}, which {by} does not score; there are {', '.join(name for name in RANKING if name in known)}."
        )
    return by if by is not None else "rmse" if data.regression else "accuracy"


def split_off(data: Sequences, seed: int) -> tuple[Sequences, list[str]]:
    """The data with a test part: their own, or a fifth drawn at random; and what to know of it."""
    if data.test.all():
        raise SeriesError(f"{data.source} has a test part alone; nothing is left to learn from.")
    if data.test.any():
        return data, []
    if len(data) < 4:
        raise SeriesError(f"{data.source} has {len(data)} sequences; comparing needs 4 at least, of which one is held out as a test.")
    drawn = fold_of(data, round(1 / TEST_SHARE), seed) == 0
    if data.classes and data.labels is not None:
        alone = np.bincount(data.labels, minlength=len(data.classes))[data.labels] == 1  # the only one of its class is needed to learn from
        drawn = drawn & ~alone if (drawn & ~alone).any() else drawn
    return replace(data, test=drawn), [f"the data have no test part, so a fifth, {int(drawn.sum())} sequences, was drawn for it; --test names one"]


def rare_classes(training: Sequences, folds: int) -> list[str]:
    """A note on the classes that have fewer training examples than there are folds."""
    if training.regression or training.labels is None:
        return []
    counts = np.bincount(training.labels, minlength=len(training.classes))
    rare = [f"{name} ({count})" for name, count in zip(training.classes, counts.tolist(), strict=True) if count < folds]
    if not rare:
        return []
    shown = ", ".join(rare[:8]) + (f" and {len(rare) - 8} more" if len(rare) > 8 else "")
    return [f"classes with fewer training sequences than the {folds} folds, so that some folds cannot judge them: {shown}"]


def plan_folds(training: Sequences, folds: int | None, seed: int) -> list[NDArray[np.bool_]]:
    """For each fold, (examples,) True where an example is judged."""
    usual = next((count for most, count in MANY if len(training) <= most), 1)
    wanted = min(usual if folds is None else folds, len(training))
    if len(training) < 2:
        raise SeriesError(f"{training.source} has {len(training)} training sequence; comparing needs 2 at least.")
    place = fold_of(training, wanted if wanted > 1 else round(1 / TEST_SHARE), seed + 1)
    return [place == k for k in range(wanted) if (place == k).any() and not (place == k).all()]


def cross_validated(
    name: str, model: SequenceModel, training: Sequences, plan: Sequence[NDArray[np.bool_]], clock: Clock, on_progress: OnProgress | None, later: int = 0
) -> tuple[dict[str, Score], list[str]]:
    """Scores on the folds together, and what the models say of their fits: each example is judged once at most, by a model that did not see it.

    clock: the time of this model.   later: fits that it has to last for too.
    """
    judged, said = [], []
    notes: list[str] = []
    for k, fold in enumerate(plan):
        check()
        began, progress = time.monotonic(), progress_of(name, k, len(plan), on_progress)
        found, outputs = fit_and_ask(model.lighter(), training[~fold], training[fold], clock, len(plan) - k + later, progress)
        left = clock.share(1, begun=True)
        if k > 0 and not model.gradual and left is not None and (time.monotonic() - began) * (len(plan) - k) > left:
            raise BudgetError("the other fits would not be done in time.")  # sooner rather than later: the rest of its time is for others
        said.append(outputs)
        notes += found.notes
        judged.append(np.flatnonzero(fold))
    return scores_of(training[np.concatenate(judged)], np.concatenate(said)), notes


def fit_and_ask(
    model: SequenceModel, training: Sequences, asked: Sequences, clock: Clock, fits: int, progress: Progress | None
) -> tuple[FittedSequenceModel, Floats]:
    """A fitted model and what it says of others, within an equal part of a model's time, which has to last for so many fits.

    What is no model before it is done may take three of its parts (the first fit takes longest), and is then given up, so that the rest is for others. What
    can stop at any time does so after three quarters of its part: saying what it thinks of the others takes time too.
    """
    seconds = clock.share(fits, begun=True)
    left = clock.share(1, begun=True)
    with within(None if model.gradual or seconds is None or left is None else min(3 * seconds, left)):
        fitted = model.fit(training, seconds=0.75 * seconds if model.gradual and seconds is not None else None, progress=progress)
        return fitted, fitted.outputs(asked.values)


def short_of_time(limit: float, fits: int) -> str:
    """Why a model is none: its part of the budget was too short."""
    return f"stopped: its part of the time, {limit:.1f} seconds, does not last for {fits} fits. Give it more, with --budget."


def progress_of(name: str, k: int, folds: int, on_progress: OnProgress | None) -> Progress | None:
    """The progress of one fit of several as that of all."""
    if on_progress is None:
        return None
    return lambda done, of: on_progress(name, (k + done / max(of, 1)) / (folds + 1))


def scores_of(data: Sequences, outputs: Floats) -> dict[str, Score]:
    """Every score of what a model said."""
    assert data.labels is not None
    return regression_scores(data.labels, outputs) if data.regression else classification_scores(data.labels, outputs)


def fit_classify(
    data: Any,
    model: str | SequenceModel = "auto",
    *,
    test: Any = None,
    settings: Mapping[str, Any] | None = None,
    models: Sequence[str] | None = None,
    budget: float | str | None = None,
    seed: int = 0,
    on_progress: Progress | None = None,
    **reading: Any,
) -> FittedSequenceModel:
    """Fit one model to the training part of `data`.

    model: a name of `inorder models classify`, a model, "auto" (minirocket), or "best": the winner of `compare`.   settings: changes to its own.
    models: what "best" chooses from.   budget: seconds, or a time such as "40s".   seed: of what is drawn.
    data, test, further keywords: what `read_sequences` reads.

    >>> fit_classify(([[0.0, 1.0], [1.0, 0.0]], ["up", "down"]), "nearest").predict(([[0.0, 2.0]], None)).labels
    ['up']
    """
    if isinstance(model, str) and model == "best":
        if settings:
            raise ConfigError("Settings belong to one model: name it instead of best.")
        return compare_classify(data, test=test, models=models, budget=budget, seed=seed, **reading).best
    if models is not None:
        raise ConfigError('`models` is what "best" chooses from; name one model, or take best.')
    chosen = seeded("minirocket" if model == "auto" else model, seed, settings) if isinstance(model, str) else model.with_settings(settings or {})
    return chosen.fit(read_sequences(data, test=test, **reading), seconds=seconds_of(budget), progress=on_progress)


def name_of(model: SequenceModel) -> str:
    """The candidate that has these settings, whatever its seed; the model's own name where none has."""
    bare = {"seed": 0} if "seed" in model.settings else {}
    same = {name: one for name, one in CANDIDATES.items() if one.home.endswith(f":{type(model).__name__}")}  # none of the others is loaded
    return next((name for name, one in same.items() if one.make() == model.with_settings(bare)), model.name)


def evaluate_classify(fitted: FittedSequenceModel, data: Any, **reading: Any) -> dict[str, Score]:
    """Scores of a fitted model on the test part of `data`, or on all of it where it has none.

    Where some of them have the values of sequences that the model was fitted to, the signature of each score says how many: in_training.
    Raises SeriesError where there are no labels, or classes that the model does not know.
    """
    found = fitted.read(data, **{"labelled": True, "kind": "classification" if fitted.about.classes else "regression", **reading})
    found = fitted.fitting(found[found.test] if found.test.any() else found)
    if found.labels is None:
        raise SeriesError(f"{found.source} has no labels to compare with.")
    known = fitted.about.classes
    if bool(known) == found.regression:
        raise SeriesError(
            f"{found.source} has {'numbers' if found.regression else 'classes'} as labels, but the model predicts {'classes' if known else 'numbers'}."
        )
    if known:
        names = found.names_of(found.labels)
        strange = sorted(set(names) - set(known))
        if strange:
            raise SeriesError(f'{found.source} has the class "{strange[0]}", which the model does not know; it knows {", ".join(known[:10])}.')
        found = replace(found, labels=np.array([known.index(name) for name in names], dtype=np.int64), classes=known)
    scores, known_again = scores_of(found, fitted.outputs(found.values)), fitted.learnt_from(found)
    if not known_again:
        return scores
    return {key: Score(one.name, one.value, signature(**{**one.parts, "inorder": None}, in_training=known_again)) for key, one in scores.items()}


def trained_on(scores: Mapping[str, Score]) -> list[str]:
    """What to know of scores on sequences that the model was fitted to."""
    parts = next(iter(scores.values())).parts
    count, of = int(parts.get("in_training", 0)), int(parts["examples"])
    if count == 0:
        return []
    if count == of:
        return [f"the model was fitted to all {of:,} sequences: the scores say how well it remembers them, not how well it does on others"]
    return [f"the model was fitted to {count:,} of the {of:,} sequences, which makes the scores look better than they are"]
