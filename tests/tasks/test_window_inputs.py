"""Windows cut from a panel: what is shown, what is asked, what belongs to whom."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from inorder.data.series import Series
from inorder.tasks.window_inputs import NORMALISATIONS, WindowBatches, fit_window_scaling, normalised, origins_in, panel_of
from inorder.tasks.window_running import moved

NAN = float("nan")


def uneven() -> Series:
    """Three series of 9, 5 and 7 rows; the second begins with two missing values, the third has one inside. Values tell series and row."""
    values = np.concatenate([100.0 + np.arange(9), 200.0 + np.arange(5), 300.0 + np.arange(7)])
    values[[9, 10, 17]] = NAN
    lengths = [9, 5, 7]
    index = np.concatenate([np.arange(1, n + 1) for n in lengths])
    series = Series.of([1.0, 2.0])
    return replace(
        series,
        values=values,
        index=index,
        offsets=np.concatenate([[0], np.cumsum(lengths)]),
        ids=("a", "b", "c"),
        panel=True,
        past={"p": np.arange(21.0)},
        future={"f": 10 * np.arange(21.0)},
        ahead={"f": np.array([[90.0, 91.0], [140.0, 141.0], [210.0, 211.0]])},
        static={"s": np.array([1.0, 2.0, 3.0])},
    )


def made(scale: str = "change") -> tuple:
    history = uneven()
    scaling = fit_window_scaling(history, 1, "none", False, scale)
    return history, scaling, panel_of(history, scaling)


def values_of(scaling, v, which):
    return np.where(np.isnan(v), NAN, scaling.centre[which, None] + scaling.series.scale[which, None] * v)


def test_a_window_holds_the_last_values_of_its_own_series_and_nothing_else():
    history, scaling, panel = made()
    rows = np.array([8, 12, 13, 14, 20])
    recent = panel.recent(rows, 6, 2)
    seen = values_of(scaling, recent.v, recent.which)
    for k, row in enumerate(rows.tolist()):
        i = int(np.searchsorted(history.offsets, row, side="right")) - 1
        expected = [history.values[at] if at >= history.offsets[i] else NAN for at in range(row - 5, row + 1)]
        np.testing.assert_allclose(seen[k], expected, rtol=1e-5)
    assert recent.which.tolist() == [0, 1, 1, 2, 2]


def test_covariates_stand_beside_their_rows_and_known_ones_go_on_beyond_the_last():
    history, scaling, panel = made()
    recent = panel.recent(np.array([8, 13, 16]), 3, 3)
    f = recent.covariates[:, :, 1] * scaling.series.future_spread + scaling.series.future_centre
    p = recent.covariates[:, :, 0] * scaling.past_spread + scaling.past_centre
    np.testing.assert_allclose(p, [[6, 7, 8], [11, 12, 13], [14, 15, 16]], atol=1e-4)
    np.testing.assert_allclose(f, [[60, 70, 80], [110, 120, 130], [140, 150, 160]], atol=1e-3)
    later = recent.ahead[:, :, 0] * scaling.series.future_spread + scaling.series.future_centre
    np.testing.assert_allclose(later[:, :2], [[90, 91], [140, 141], [170, 180]], atol=1e-3)
    assert recent.ahead[0, 2, 0] == recent.ahead[1, 2, 0] == 0, "not known: counts as average"
    np.testing.assert_allclose(later[2, 2], 190, atol=1e-3)
    assert len(set(recent.static[:, 0].tolist())) == 3


def test_targets_are_what_came_and_end_where_they_may_not_be_learnt_from():
    history, scaling, panel = made()
    rows, until = np.array([6, 7, 12, 16]), np.array([8, 14, 21])
    targets = values_of(scaling, panel.targets(rows, 3, until), panel.series[rows])
    np.testing.assert_allclose(targets, [[107, NAN, NAN], [NAN, NAN, NAN], [204, NAN, NAN], [NAN, 304, 305]], rtol=1e-5)


def test_origins_lie_between_the_first_observation_and_the_last_but_one():
    _, _, panel = made()
    assert origins_in(panel, panel.begin, panel.end, 99).tolist() == [*range(8), 11, 12, *range(14, 20)]
    few = origins_in(panel, panel.begin, panel.end, 4)
    assert len(few) == 4 and set(few.tolist()) <= set(origins_in(panel, panel.begin, panel.end, 99).tolist())


@pytest.mark.parametrize("how", NORMALISATIONS)
def test_a_window_without_a_value_stands_at_the_last_one_of_its_series(how):
    history = Series.of(np.column_stack([np.r_[np.arange(9.0), np.full(6, NAN)], np.r_[np.full(8, NAN), np.arange(7.0)]]))
    scaling = fit_window_scaling(history, 1, "none", False, "change")
    panel = panel_of(history, scaling)
    recent = panel.recent(np.array([14, 29, 22]), 4, 0)
    window, middle, _ = normalised(recent, how, 2)
    assert not window.values[0].any() and not window.known[0].any()
    assert scaling.centre[0] + scaling.series.scale[0] * float(middle[0]) == pytest.approx(8.0)
    assert recent.last[1] == recent.v[1, -1] and recent.last[2] == 0, "before the first observation nothing is known, of the series before neither"
    later = moved(recent, np.array([[NAN], [NAN], [2.0]], dtype=np.float32))
    assert later.last.tolist() == [recent.last[0], recent.last[1], 2.0]


@pytest.mark.parametrize("how", NORMALISATIONS)
def test_normalisation_is_undone_and_sees_the_window_alone(how):
    _, _, panel = made()
    recent = panel.recent(np.array([8, 12, 19]), 6, 0)
    window, middle, spread = normalised(recent, how, 2)
    back = window.values * spread[:, None] + middle[:, None]
    known = ~np.isnan(recent.v)
    np.testing.assert_allclose(back.numpy()[known], recent.v[known], atol=1e-5)
    np.testing.assert_array_equal(window.known.numpy() > 0, known)
    assert not window.values[torch.from_numpy(~known)].any()
    if how == "last":
        assert not window.values[:, -1].any()
    if how in ("instance", "mean"):
        np.testing.assert_allclose(window.values.sum(dim=1), 0, atol=1e-4)
    if how == "series":
        assert not middle.any() and bool((spread == 1).all())
    assert tuple(window.ahead.shape) == (3, 2, 1) and not window.ahead.any()


def test_an_epoch_follows_from_seed_and_number_and_draws_every_window_before_any_again():
    _, _, panel = made()
    origins = origins_in(panel, panel.begin, panel.end, 99)
    batches = WindowBatches(panel, origins, panel.end, 4, 2, "mean", 5, 4, seed=3)
    first, again, second = ([batch.targets for batch in batches.epoch(k)] for k in (0, 0, 1))
    assert len(first) == len(batches) == 4
    assert all(torch.equal(torch.nan_to_num(a), torch.nan_to_num(b)) for a, b in zip(first, again, strict=True))
    assert not all(torch.equal(torch.nan_to_num(a), torch.nan_to_num(b)) for a, b in zip(first, second, strict=True))
    drawn = torch.cat([batch.window.series for batch in batches.epoch(0)])[: len(origins)]
    assert torch.bincount(drawn).tolist() == np.bincount(panel.series[origins]).tolist()


def test_held_back_windows_ask_only_for_the_last_part():
    history, scaling, panel = made()
    cut = np.array([6, 13, 18])
    batches = WindowBatches(panel, origins_in(panel, panel.begin, cut, 99), cut, 4, 2, "mean", 5, 4, seed=3)
    (batch,) = list(batches.held_back(cut, 99).epoch(0))
    v = batch.targets.numpy()
    asked = np.unique(values_of(scaling, v, batch.window.series.numpy()).round(2))
    assert asked[~np.isnan(asked)].tolist() == [106, 107, 108, 204, 304, 305, 306]
    for one in batches.epoch(0):
        learnt = values_of(scaling, one.targets.numpy(), one.window.series.numpy())
        assert not np.isin(learnt.round(2), [106, 107, 108, 204, 304, 305, 306]).any()


def test_the_unit_is_the_change_or_the_spread():
    y = Series.of(np.tile([0.0, 10.0], 40) + np.repeat([0.0, 100.0], 40))
    change, spread = (fit_window_scaling(y, 1, "none", False, scale).series.scale[0] for scale in ("change", "spread"))
    assert spread == pytest.approx(np.std(y.values))
    assert change < 15
