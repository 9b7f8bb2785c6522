// The covariance form is the fastest, and loses digits where a covariance was far larger once than what is told from it now. How many is known when it
// has ended: rounding takes a share of 1e-16 of the largest numbers that were subtracted. Where more than a share of 1e-8 of a variance of y is in
// doubt, the same is computed again: with a diffuse start by regression (kalman_augmented.cpp), where that cannot be by roots (kalman_root.cpp).

#include <algorithm>

#include "kalman_parts.hpp"

namespace inorder {
namespace {

double* behind(double* array, std::int64_t rows, std::int64_t size) { return array ? array + rows * size : nullptr; }

// The outputs from step t on.
Filtered behind(const Filtered& out, std::int64_t t, std::int64_t p, std::int64_t m) {
    Filtered rest;
    rest.predicted = behind(out.predicted, t, m);
    rest.predicted_covariance = behind(out.predicted_covariance, t, m * m);
    rest.filtered = behind(out.filtered, t, m);
    rest.filtered_covariance = behind(out.filtered_covariance, t, m * m);
    rest.forecast = behind(out.forecast, t, p);
    rest.forecast_covariance = behind(out.forecast_covariance, t, p * p);
    rest.loglik = behind(out.loglik, t, 1);
    return rest;
}

Smoothed behind(const Smoothed& out, std::int64_t t, std::int64_t p, std::int64_t m, std::int64_t q) {
    Smoothed rest;
    rest.state = behind(out.state, t, m);
    rest.covariance = behind(out.covariance, t, m * m);
    rest.lagged = behind(out.lagged, t, m * m);
    rest.noise = behind(out.noise, t, p);
    rest.noise_covariance = behind(out.noise_covariance, t, p * p);
    rest.disturbance = behind(out.disturbance, t, q);
    rest.disturbance_covariance = behind(out.disturbance_covariance, t, q * q);
    return rest;
}

// The diffuse start by regression; the steps of the regression, whose own outputs of the filter are ill-conditioned by nature, by roots.
bool by_regression(const System& s, const double* y, Filtered& out, const Smoothed* back) {
    Augmented phase;
    if (!augment(s, y, phase, back != nullptr)) return false;
    const std::int64_t p = s.series, m = s.states, steps = phase.steps;
    System first = s;
    first.time = steps;
    Filtered early = behind(out, 0, p, m), rest = behind(out, steps, p, m);
    root_filter_and_smooth(first, y, early, nullptr);
    Record record;
    record.after = back && back->lagged;
    filter(phase.rest, y + steps * p, rest, back ? &record : nullptr);
    if (!(rest.doubt <= LOST)) return false;
    if (back) {
        std::vector<double> r(m), N(m * m);
        Smoothed later = behind(*back, steps, p, m, s.disturbances);
        later.start = r.data();
        later.start_variances = N.data();
        if (!(smooth(phase.rest, record, 0, later, rest.least) <= LOST)) return false;
        smooth_augmented(s, y, phase, r.data(), N.data(), *back);
    }
    out.last = rest.last;
    out.last_covariance = rest.last_covariance;
    out.directions.clear();
    out.diffuse_covariances = early.diffuse_covariances;
    out.diffuse_steps = early.diffuse_steps;
    out.totals = phase.totals;
    out.totals.squares += rest.totals.squares;
    out.totals.log_determinant += rest.totals.log_determinant;
    out.totals.known += rest.totals.known;
    return true;
}

}  // namespace

void careful_filter_and_smooth(const System& s, const double* y, Filtered& out, const Smoothed* back) {
    Record record;
    record.after = back && back->lagged;
    filter(s, y, out, back ? &record : nullptr);
    if (out.doubt <= LOST && (!back || smooth(s, record, out.diffuse_steps, *back, out.least) <= LOST)) return;
    if (by_regression(s, y, out, back)) return;
    out.diffuse_covariances.clear();
    out.diffuse_steps = 0;
    root_filter_and_smooth(s, y, out, back);
}

}  // namespace inorder
