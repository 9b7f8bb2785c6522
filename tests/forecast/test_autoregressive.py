"""Autoregression against statsmodels, the textbook, known answers, and simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from statsmodels.regression.linear_model import burg as peer_burg
from statsmodels.regression.linear_model import yule_walker as peer_yule_walker
from statsmodels.tsa.ar_model import AutoReg, ar_select_order
from statsmodels.tsa.arima.model import ARIMA

from inorder.data.series import Series
from inorder.errors import ConfigError, ForecastError
from inorder.forecast.autoregressive import AR, largest_root, psi_weights
from inorder.forecast.stationary import Likelihood, burg, coefficients, inverse_covariance
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
        ({"method": "yule-walkr"}, 'Method "yule-walkr" is unknown. Did you mean "yule-walker"'),
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


# --- stationary fits: Yule–Walker, Burg, exact maximum likelihood ---

STATIONARY = ["yule-walker", "burg", "exact"]


@pytest.mark.parametrize("name", ["lynx", "sunspots"])
@pytest.mark.parametrize("order", [1, 2, 9])
def test_yule_walker_and_burg_as_statsmodels(real, name, order):
    y = real[name]
    ours = AR(order=order, method="yule-walker").fit(Series.of(y)).describe()
    np.testing.assert_allclose(ours["phi"], peer_yule_walker(y, order, method="mle", result_object=False)[0], rtol=1e-8)
    assert ours["constant"] / (1 - ours["phi"].sum()) == pytest.approx(y.mean(), rel=1e-8)
    around_zero = AR(order=order, method="yule-walker", constant=False).fit(Series.of(y)).describe()["phi"]
    np.testing.assert_allclose(around_zero, peer_yule_walker(y, order, method="mle", demean=False, result_object=False)[0], rtol=1e-8)
    by_burg = AR(order=order, method="burg").fit(Series.of(y)).describe()
    np.testing.assert_allclose(by_burg["phi"], peer_burg(y, order)[0], rtol=1e-8)
    assert by_burg["sigma"] == pytest.approx(math.sqrt(peer_burg(y, order)[1]), rel=0.06)  # theirs: the last error variance of the recursion


@pytest.mark.parametrize("name", ["lynx", "sunspots"])
@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("constant", [True, False])
@pytest.mark.parametrize("gaps", [False, True])
def test_exact_as_statsmodels(real, name, order, constant, gaps):
    """Their search stops a little earlier than ours: the likelihood agrees to 1e-3, and ours is no worse."""
    y = real[name][:100].copy()
    if gaps:
        y[[5, 20, 21, 22, 60, 99]] = NAN
    theirs = ARIMA(y, order=(order, 0, 0), trend="c" if constant else "n").fit()
    fitted = AR(order=order, method="exact", constant=constant).fit(Series.of(y))
    assert -1e-7 < fitted.loglik - theirs.llf < 1e-3
    parameters = dict(zip(theirs.param_names, theirs.params, strict=True))
    phi = fitted.describe()["phi"]
    np.testing.assert_allclose(phi, [parameters[f"ar.L{lag}"] for lag in range(1, order + 1)], atol=2e-3)
    if constant:
        assert fitted.coefficients["constant"] / (1 - phi.sum()) == pytest.approx(parameters["const"], rel=5e-3)
    assert fitted.aic == pytest.approx(theirs.aic, abs=2e-3)
    if not gaps:  # they count missing values as observations there
        assert (fitted.bic, fitted.aicc) == pytest.approx((theirs.bic, theirs.aicc), abs=2e-3)
    # and at the very same parameters: their filter against our formula
    mean = fitted.coefficients["constant"] / (1 - phi.sum()) if constant else 0.0
    n = int((~np.isnan(y)).sum())
    variance = fitted.describe()["sigma"] ** 2 * (n - order - constant) / n
    assert theirs.model.loglike(np.concatenate([[mean] * constant, phi, [variance]])) == pytest.approx(fitted.loglik, rel=1e-8)


@pytest.mark.parametrize("name", ["whole", "gappy", "line"])
@pytest.mark.parametrize("order", [1, 2, 5])
@pytest.mark.parametrize("constant", [True, False])
def test_exact_is_the_top_of_the_joint_density(name, order, constant):
    """The likelihood that is reported is the dense normal density at the estimates, and no step away from them is better."""
    y = SERIES[name]
    fitted = AR(order=order, method="exact", constant=constant).fit(Series.of(y))
    found = fitted.describe()
    n, phi = int((~np.isnan(y)).sum()), found["phi"]
    mean = found["constant"] / (1 - phi.sum()) if constant else 0.0
    sigma = found["sigma"] * math.sqrt((n - order - constant) / n)
    best = textbook.exact_loglik(y, mean, phi, sigma)
    assert fitted.loglik == pytest.approx(best, rel=1e-8)
    for step in (1e-3, -1e-3):
        assert textbook.exact_loglik(y, mean, phi, sigma * (1 + step)) < best
        assert not constant or textbook.exact_loglik(y, mean + step * sigma * 10, phi, sigma) < best
        for j in range(order):
            assert textbook.exact_loglik(y, mean, phi + step * np.eye(order)[j], sigma) < best


@pytest.mark.parametrize("name", ["whole", "gappy"])
@pytest.mark.parametrize("partials", [[0.5], [0.6, -0.3], [0.6, -0.3, 0.2, 0.9, -0.95]])
@pytest.mark.parametrize("constant", [True, False])
def test_the_likelihood_and_its_gradient(name, partials, constant):
    y, pi = SERIES[name], np.array(partials)
    likelihood = Likelihood(y, 8, constant)
    point = likelihood.at(pi)
    sigma = math.sqrt(point.square / likelihood.observed)
    assert point.deviance == pytest.approx(-2 * textbook.exact_loglik(y, point.mean, coefficients(pi), sigma), rel=1e-9)
    numeric = [(likelihood.at(pi + 1e-6 * e).deviance - likelihood.at(pi - 1e-6 * e).deviance) / 2e-6 for e in np.eye(len(pi))]
    np.testing.assert_allclose(point.gradient, numeric, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["whole", "line"])
@pytest.mark.parametrize("order", [1, 2, 5])
def test_yule_walker_and_burg_as_the_textbook(name, order):
    y = SERIES[name]
    for method, book in (("yule-walker", textbook.yule_walker(y, order)), ("burg", textbook.burg(y - y.mean(), order))):
        fitted = AR(order=order, method=method).fit(Series.of(y))
        found = fitted.describe()
        np.testing.assert_allclose(found["phi"], book, rtol=1e-8, atol=1e-10)
        sigma = found["sigma"] * math.sqrt((len(y) - order - 1) / len(y))
        assert fitted.loglik == pytest.approx(textbook.exact_loglik(y, y.mean(), found["phi"], sigma), rel=1e-8)
        assert fitted.loglik < AR(order=order, method="exact").fit(Series.of(y)).loglik


def test_burg_over_gaps_as_the_textbook():
    z = GAPPY - np.nanmean(GAPPY)
    np.testing.assert_allclose(coefficients(burg(z, 4)), textbook.burg(z, 4), rtol=1e-10)
    np.testing.assert_allclose(AR(order=4, method="burg").fit(Series.of(GAPPY)).describe()["phi"], textbook.burg(z, 4), rtol=1e-8)


def test_inverse_covariance_is_that_of_the_process():
    phi = coefficients(np.array([0.6, -0.3, 0.2]))
    gamma = textbook.autocovariances(phi, 2.0, 3)
    np.testing.assert_allclose(inverse_covariance(phi), 4.0 * np.linalg.inv(gamma[np.abs(np.subtract.outer(range(3), range(3)))]), rtol=1e-10)
    assert inverse_covariance(np.zeros(0)).shape == (0, 0)


@pytest.mark.parametrize("method", STATIONARY)
@pytest.mark.parametrize("criterion", ["aic", "aicc", "bic"])
def test_the_criterion_chooses_for_every_method(method, criterion):
    fitted = AR(criterion=criterion, max_order=8, method=method).fit(Series.of(NOISY))
    found = fitted.describe()["criteria"]
    assert found["order"] == list(range(9))
    best = int(np.argmin(found[criterion]))
    assert fitted.order == best
    assert (fitted.aic, fitted.aicc, fitted.bic) == pytest.approx((found["aic"][best], found["aicc"][best], found["bic"][best]), rel=1e-12)
    alone = AR(order=5, method=method).fit(Series.of(NOISY))
    assert found["aic"][5] == pytest.approx(alone.aic, rel=1e-10)
    if method == "exact":
        assert (np.diff(np.array(found["aic"]) - 2 * np.arange(9)) < 1e-6).all()  # a longer order is never less likely


@pytest.mark.parametrize("method", STATIONARY)
def test_stationary_methods_stay_stationary(method):
    """Least squares follows growth; these return to the mean, and recover a process near the edge."""
    grown = 1.1 ** np.arange(40)
    found = AR(order=1, method=method).fit(Series.of(grown)).describe()
    assert found["stationary"] and found["largest root"] < 1
    rng = np.random.default_rng(10)
    y = np.zeros(5000)
    for t in range(2, 5000):
        y[t] = 0.6 * y[t - 1] + 0.3 * y[t - 2] + rng.normal(0, 2)
    y = y[100:] + 50
    y[rng.integers(len(y), size=200)] = NAN
    found = AR(order=2, method=method).fit(Series.of(y)).describe()
    np.testing.assert_allclose(found["phi"], [0.6, 0.3], atol=0.05)
    assert found["sigma"] == pytest.approx(2, rel=0.05)
    assert found["constant"] / (1 - found["phi"].sum()) == pytest.approx(50, abs=1.5)


@pytest.mark.parametrize("method", ["least-squares", *STATIONARY])
def test_standard_errors_are_what_repetition_shows(method):
    rng = np.random.default_rng(4)
    e = rng.normal(size=(600, 260))
    y = np.zeros_like(e)
    for t in range(2, 260):
        y[:, t] = 3 + 1.2 * y[:, t - 1] - 0.5 * y[:, t - 2] + e[:, t]
    fits = [AR(order=2, method=method).fit(Series.of(one)) for one in y[:, 60:]]
    for key in ("constant", "ar1", "ar2"):
        spread = np.std([fitted.coefficients[key] for fitted in fits])
        assert np.mean([fitted.standard_errors[key] for fitted in fits]) == pytest.approx(spread, rel=0.12), key


def test_standard_errors_and_likelihood_of_least_squares_as_statsmodels(real):
    """Theirs divide by the rows, ours by rows − coefficients."""
    theirs = AutoReg(real["lynx"], 2).fit()
    fitted = AR(order=2).fit(Series.of(real["lynx"]))
    unbiased = math.sqrt(theirs.nobs / (theirs.nobs - 3))
    np.testing.assert_allclose(list(fitted.standard_errors.values()), theirs.bse * unbiased, rtol=1e-8)
    assert list(fitted.coefficients) == ["constant", "ar1", "ar2"]
    np.testing.assert_allclose(list(fitted.coefficients.values()), theirs.params, rtol=1e-8)
    assert (fitted.loglik, fitted.aic, fitted.aicc, fitted.bic) == pytest.approx((theirs.llf, theirs.aic, theirs.aicc, theirs.bic), rel=1e-9)
    assert list(AR(order=2, constant=False).fit(Series.of(real["lynx"])).standard_errors) == ["ar1", "ar2"]


def test_paths_are_those_of_single_steps():
    model = AR(order=2).fit(Series.of(NOISY)).models[0]
    _, state = model.run(NOISY)
    errors = np.random.default_rng(0).normal(size=(5, 8))
    np.testing.assert_allclose(model.simulate(state, 8, errors), super(type(model), model).simulate(state, 8, errors), rtol=1e-12)
    flat = AR(order=0).fit(Series.of(NOISY)).models[0]
    np.testing.assert_allclose(flat.simulate(flat.init(), 8, errors), flat.constant + errors, rtol=1e-12)


def test_refusals_of_the_stationary_methods():
    with pytest.raises(ForecastError, match=r"AR\(3\) by burg needs 8 rows and 6 observations; this series has 7 and 7. Use a lower order"):
        AR(order=3, method="burg").fit(Series.of(NOISY[:7]))
    with pytest.raises(ForecastError, match="without a constant by exact needs 4 observations in a row or more; this series has 2"):
        AR(constant=False, method="exact").fit(Series.of([1.0, 2.0]))
    alternating = NOISY.copy()
    alternating[::2] = NAN
    with pytest.raises(ForecastError, match='The gaps of this series leave burg an order of 0 at most, and 2 is needed.*method="exact"'):
        AR(order=2, method="burg").fit(Series.of(alternating))
    assert AR(order=2, method="exact").fit(Series.of(alternating)).order == 2
    holes = np.tile(NOISY, 20)
    holes[100:700] = NAN
    with pytest.raises(ForecastError, match="600 missing values lean on each other, more than the 500"):
        AR(order=2, method="exact").fit(Series.of(holes))
