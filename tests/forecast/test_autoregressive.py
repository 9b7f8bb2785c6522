"""Autoregression against statsmodels, the textbook, known answers, and simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from statsmodels.tsa.ar_model import AutoReg, ar_select_order

from inorder.data.series import Series
from inorder.errors import ConfigError, ForecastError
from inorder.forecast.autoregressive import AR, largest_root, psi_weights
from inorder.textbook import autoregressive as textbook

NAN = math.nan


@pytest.fixture(scope="module")
def real(shared_data):
    """Yearly lynx trappings (log10, as the literature has it) and yearly sunspots."""
    lynx = np.log10(np.loadtxt(shared_data / "series" / "lynx.csv", delimiter=",", skiprows=1, usecols=1))
    sunspots = np.loadtxt(shared_data / "series" / "sunspots.csv", delimiter=",", skiprows=1, usecols=1)
    assert (len(lynx), len(sunspots)) == (114, 309)
    return {"lynx": lynx, "sunspots": sunspots}


@pytest.mark.parametrize("name", ["lynx", "sunspots"])
@pytest.mark.parametrize("order", [0, 1, 2, 9])
@pytest.mark.parametrize("constant", [True, False])
def test_as_statsmodels(real, name, order, constant):
    """statsmodels divides the sum of squares by the rows; we divide by rows − coefficients. All else agrees to 1e-8."""
    if order == 0 and not constant:
        return
    y = real[name]
    theirs = AutoReg(y, order, trend="c" if constant else "n").fit()
    fitted = AR(order=order, constant=constant).fit(Series.of(y))
    ours = fitted.describe()
    np.testing.assert_allclose([ours["constant"]] * constant + ours["phi"].tolist(), theirs.params, rtol=1e-8, atol=1e-10)
    coefficients = order + constant
    unbiased = math.sqrt(theirs.nobs / (theirs.nobs - coefficients))
    assert ours["sigma"] == pytest.approx(math.sqrt(theirs.sigma2) * unbiased, rel=1e-8)
    np.testing.assert_allclose(fitted.fitted_values[order:], theirs.fittedvalues, rtol=1e-8)
    forecast = fitted.predict(24, [0.95])
    prediction = theirs.get_prediction(len(y), len(y) + 23)
    np.testing.assert_allclose(forecast.mean, prediction.predicted_mean, rtol=1e-8)
    frame = prediction.summary_frame(alpha=0.05)
    np.testing.assert_allclose(forecast.upper[0.95] - forecast.mean, (frame["mean_ci_upper"] - frame["mean"]) * unbiased, rtol=1e-8)
    np.testing.assert_allclose(forecast.mean - forecast.lower[0.95], (frame["mean"] - frame["mean_ci_lower"]) * unbiased, rtol=1e-8)
    criteria = ours["criteria"]
    assert (criteria["aic"][0], criteria["bic"][0], criteria["aicc"][0]) == pytest.approx((theirs.aic, theirs.bic, theirs.aicc), rel=1e-8)


@pytest.mark.parametrize("name", ["lynx", "sunspots"])
@pytest.mark.parametrize("criterion", ["aic", "bic"])
@pytest.mark.parametrize("max_order", [4, 13])
def test_order_as_statsmodels(real, name, criterion, max_order):
    """`ar_select_order` does not count the constant among the parameters (`AutoReg` does): a shift that is the same for every order."""
    theirs = ar_select_order(real[name], max_order, ic=criterion)
    fitted = AR(criterion=criterion, max_order=max_order).fit(Series.of(real[name]))
    found = fitted.describe()
    assert found["order"] == len(theirs.ar_lags or [])
    table = dict(zip(found["criteria"]["order"], found["criteria"][criterion], strict=True))
    shift = 2 if criterion == "aic" else math.log(len(real[name]) - max_order)
    assert len(table) == max_order + 1
    for lags, value in getattr(theirs, criterion).items():
        assert table[len(lags) if lags else 0] == pytest.approx(value + shift, rel=1e-8)
    # the chosen order is fitted again to all the rows it can use
    refitted = AutoReg(real[name], found["order"]).fit()
    np.testing.assert_allclose(found["phi"], refitted.params[1:], rtol=1e-8)


def test_sunspots_want_nine_and_lynx_eleven(real):
    """Orders that are known: 9 for the sunspots (by BIC, the example in statsmodels' documentation), 11 for log lynx (by AIC, Tong 1977)."""
    assert AR(criterion="bic", max_order=13).fit(Series.of(real["sunspots"])).describe()["order"] == 9
    assert AR(criterion="aic", max_order=20).fit(Series.of(real["lynx"])).describe()["order"] == 11


RNG = np.random.default_rng(2)
NOISY = np.zeros(80)
for _t in range(2, 80):
    NOISY[_t] = 1 + 1.2 * NOISY[_t - 1] - 0.5 * NOISY[_t - 2] + RNG.normal()
GAPPY = NOISY.copy()
GAPPY[[4, 20, 21, 47, 78, 79]] = NAN
SERIES = {"whole": NOISY, "gappy": GAPPY, "high": NOISY + 1e3, "line": np.arange(30.0) + RNG.normal(size=30)}


@pytest.mark.parametrize("name", SERIES)
@pytest.mark.parametrize("order", [1, 2, 5])
@pytest.mark.parametrize("constant", [True, False])
def test_as_the_textbook(name, order, constant):
    y = SERIES[name]
    fitted = AR(order=order, constant=constant).fit(Series.of(y))
    ours = fitted.describe()
    tolerance = 1e-5 if name == "high" else 1e-8  # the normal equations of the textbook lose digits at a high level
    c, phi, sigma = textbook.fit_ar(y, order, constant)
    np.testing.assert_allclose(ours["phi"], phi, rtol=tolerance, atol=tolerance)
    assert ours["sigma"] == pytest.approx(sigma, rel=tolerance)
    mean = textbook.forecast_ar(y, ours["constant"], ours["phi"], 10)
    error = textbook.error_deviation(ours["phi"], ours["sigma"], 12)
    forecast = fitted.predict(10, [0.8])
    np.testing.assert_allclose(forecast.mean, mean, rtol=1e-10)
    missing = 2 if name == "gappy" else 0  # values missing at the end: the interval of that many more steps
    np.testing.assert_allclose(forecast.upper[0.8] - mean, 1.2815515655446004 * error[missing : missing + 10], rtol=1e-6)
    assert ours["largest root"] == pytest.approx(textbook.largest_root(phi), rel=tolerance)
    assert ours["stationary"] == (textbook.largest_root(ours["phi"]) < 1)


@pytest.mark.parametrize("level", [1e8, -1e10])
def test_no_digits_are_lost_at_a_high_level(level):
    """A whole multiple of 2⁻¹⁰ is the same number at every level, so the fit must be the same."""
    y = np.round(NOISY * 1024) / 1024
    low, high = (AR(order=3).fit(Series.of(values)).describe() for values in (y, y + level))
    np.testing.assert_allclose(high["phi"], low["phi"], rtol=1e-9)
    assert high["sigma"] == pytest.approx(low["sigma"], rel=1e-9)


@pytest.mark.parametrize("name", ["whole", "gappy", "line"])
@pytest.mark.parametrize("constant", [True, False])
def test_criteria_as_the_textbook(name, constant):
    y = SERIES[name]
    found = AR(max_order=4, constant=constant).fit(Series.of(y)).describe()["criteria"]
    expected = textbook.criteria(y, range(0 if constant else 1, 5), constant)
    np.testing.assert_allclose(np.array([found["order"], found["aic"], found["aicc"], found["bic"]]).T, expected, rtol=1e-9)


@pytest.mark.parametrize("criterion", ["aic", "aicc", "bic"])
def test_the_criterion_chooses(criterion):
    found = AR(criterion=criterion, max_order=8).fit(Series.of(NOISY)).describe()
    assert found["order"] == found["criteria"]["order"][int(np.argmin(found["criteria"][criterion]))]


def test_criteria_disagree_where_they_should():
    """BIC asks more of a coefficient than AIC: over many series its orders are lower."""
    rng = np.random.default_rng(9)
    panel = Series.of(rng.normal(size=(40, 60)))
    fits = {criterion: AR(criterion=criterion).fit(panel) for criterion in ("aic", "aicc", "bic")}
    orders = {criterion: [fitted.describe(i)["order"] for i in range(60)] for criterion, fitted in fits.items()}
    assert np.mean(orders["bic"]) < np.mean(orders["aicc"]) < np.mean(orders["aic"])


def test_a_process_is_recovered():
    rng = np.random.default_rng(10)
    y = np.zeros(5000)
    for t in range(2, 5000):
        y[t] = 0.6 * y[t - 1] + 0.3 * y[t - 2] + rng.normal(0, 2)
    found = AR(order=2).fit(Series.of(y[100:] + 50)).describe()
    np.testing.assert_allclose(found["phi"], [0.6, 0.3], atol=0.05)
    assert found["sigma"] == pytest.approx(2, rel=0.03)
    assert found["constant"] / (1 - found["phi"].sum()) == pytest.approx(50, abs=1.5)


def test_intervals_cover():
    """AR(1) with 200 observations: at 80 %, 80 % lie inside, one and five steps ahead."""
    rng = np.random.default_rng(13)
    e = rng.normal(size=(1500, 255))
    y = np.zeros_like(e)
    for t in range(1, 255):
        y[:, t] = 0.7 * y[:, t - 1] + e[:, t]
    y = y[:, 50:]
    forecast = AR(order=1).fit(Series.of(y[:, :200].T)).predict(5, [0.8])
    inside = (y[:, 200:] >= forecast.lower[0.8]) & (y[:, 200:] <= forecast.upper[0.8])
    np.testing.assert_allclose(inside.mean(axis=0)[[0, 4]], 0.8, atol=0.035)


def test_a_recurrence_without_noise_is_found():
    """Fibonacci: order 2, φ = 1, 1; not stationary, with the golden ratio as its root."""
    y = [1.0, 1.0]
    while len(y) < 20:
        y.append(y[-1] + y[-2])
    fitted = AR(max_order=4, constant=False).fit(Series.of(y))
    assert fitted.describe()["order"] == 2
    np.testing.assert_allclose(fitted.predict(3, ()).mean, [10946, 17711, 28657], rtol=1e-8)
    assert fitted.describe()["largest root"] == pytest.approx((1 + math.sqrt(5)) / 2)
    assert fitted.describe()["stationary"] is False
    assert "not stationary" in fitted.notes[0]
    assert "1.618" in fitted.summary()
    assert AR(order=1).fit(Series.of(NOISY)).notes == ()


def test_psi_weights_and_roots():
    assert psi_weights(np.array([]), 3).tolist() == [1.0, 0.0, 0.0]
    np.testing.assert_allclose(psi_weights(np.array([0.5, 0.3]), 4), [1, 0.5, 0.55, 0.425])
    phi = np.array([0.4, -0.2, 0.1])
    np.testing.assert_allclose(np.sqrt(np.cumsum(psi_weights(phi, 20) ** 2)), textbook.error_deviation(phi, 1.0, 20), rtol=1e-12)
    assert largest_root(np.array([])) == 0.0
    assert largest_root(phi) == pytest.approx(textbook.largest_root(phi))


def test_gaps_leave_out_the_rows_they_touch():
    y = NOISY.copy()
    y[40] = 1e9
    y[40] = NAN
    found = AR(order=2).fit(Series.of(y)).describe()
    x = np.column_stack([np.ones(78), y[1:-1], y[:-2]])
    rows = ~np.isnan(np.column_stack([x, y[2:]])).any(axis=1)
    assert rows.sum() == 75
    np.testing.assert_allclose([found["constant"], *found["phi"]], np.linalg.lstsq(x[rows], y[2:][rows])[0], rtol=1e-8)


def test_short_series_take_short_orders():
    found = AR().fit(Series.of(NOISY[:9])).describe()
    assert max(found["criteria"]["order"]) == 2  # 7 rows, 3 coefficients and σ: the longest for which AICc is finite
    assert all(math.isfinite(value) for value in found["criteria"]["aicc"])
    assert AR().fit(Series.of([5.0])).predict(2).mean.tolist() == [5.0, 5.0]
    assert AR().fit(Series.of([5.0, 7.0])).describe()["order"] == 0


def test_default_longest_order():
    assert max(AR().fit(Series.of(NOISY)).describe()["criteria"]["order"]) == 19  # 10·log₁₀ 80 = 19.03


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"order": -1}, "`order` is a whole number, 0 or more, not -1"),
        ({"order": 1.5}, "`order` is a whole number, 0 or more, not 1.5"),
        ({"order": 0, "constant": False}, "nothing is left to fit"),
        ({"criterion": "aci"}, 'Criterion "aci" is unknown. Did you mean "aic"'),
        ({"max_order": 0, "constant": False}, "`max_order` is a whole number, 1 or more, not 0"),
        ({"order": 2, "max_order": 5}, r"`order` is set to 2, so `max_order` \(5\) has no effect"),
    ],
)
def test_settings_that_are_none(settings, said):
    with pytest.raises(ConfigError, match=said):
        AR(**settings)


def test_too_short():
    with pytest.raises(ForecastError, match=r"AR\(3\) fits 4 coefficients and needs 5 steps with 3 values known before each; this series has 4"):
        AR(order=3).fit(Series.of(NOISY[:7]))
    with pytest.raises(ForecastError, match="without a constant needs 2 steps"):
        AR(constant=False).fit(Series.of([1.0, 2.0]))
