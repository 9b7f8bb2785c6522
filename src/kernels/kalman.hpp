// The linear Gaussian state space model and its recursions: Kalman filter, and the smoother of states and disturbances.
//
//     y_t = Z_t alpha_t + d_t + e_t,                e_t ~ N(0, H_t)           p observations
//     alpha_{t+1} = T_t alpha_t + c_t + R_t u_t,    u_t ~ N(0, Q_t)           m states, r disturbances
//     alpha_1 = a + A' delta + x,  x ~ N(0, P),     delta ~ N(0, k I), k -> infinity          (A has a row for each diffuse direction)
//
// The twin in Python is inorder/textbook/kalman.py.

#pragma once

#include <cstdint>
#include <vector>

#include "large_pages.hpp"

namespace inorder {

constexpr double LOG_TWO_PI = 1.8378770664093454836;

struct Part {  // one of the matrices: constant, or one after the other in time
    const double* data = nullptr;
    std::int64_t step = 0;
    const double* at(std::int64_t t) const { return data + t * step; }
    bool varies() const { return step != 0; }
};

struct System {
    std::int64_t time = 0;
    int series = 1, states = 1, disturbances = 0, directions = 0;
    Part design, observation_intercept, observation_covariance, transition, state_intercept, selection, state_covariance;
    const double* mean = nullptr;        // (states,)
    const double* covariance = nullptr;  // (states, states)
    const double* diffuse = nullptr;     // (directions, states)
    bool steady = true;                  // whether the gains may stand still
    bool varies() const {
        return design.varies() || observation_covariance.varies() || transition.varies() || selection.varies() || state_covariance.varies();
    }
};

struct Totals {  // of the likelihood: -2 log L = (known + diffuse) log 2 pi + log_determinant + squares
    double squares = 0, log_determinant = 0;
    std::int64_t known = 0, diffuse = 0;  // elements that entered, with a proper and with a diffuse variance
    double loglik() const { return -0.5 * (static_cast<double>(known + diffuse) * LOG_TWO_PI + log_determinant + squares); }
};

struct Filtered {  // null: not wanted
    double *predicted = nullptr, *predicted_covariance = nullptr;  // (time + 1, m), (time + 1, m, m)
    double *filtered = nullptr, *filtered_covariance = nullptr;    // (time, m), (time, m, m)
    double *forecast = nullptr, *forecast_covariance = nullptr;    // (time, p), (time, p, p)
    double* loglik = nullptr;                                      // (time,)
    std::vector<double> last, last_covariance;                     // predicted for the step after the last
    std::vector<double> directions;                                // of the diffuse part after the last step, a row of m each
    std::vector<double> diffuse_covariances;                       // (diffuse steps, m, m) P_inf before those steps
    std::int64_t diffuse_steps = 0;                                // before which of the steps a diffuse part was there: the first ones
    Totals totals;
    double doubt = 0;  // the largest share of a variance of y that rounding may have taken, on the way there and, where there is one, on the way back
    std::vector<double> least;  // (p,) the smallest variance with which each element of y entered; infinite where none did
};

// What the filter leaves for the way back. Steps whose gains stand still share one entry.
struct Record {
    std::vector<std::int64_t> entry;                           // (time,) where the gains of a step are
    std::vector<int> count, element;                           // elements that entered, and which (entries, p)
    Large gain, row;
    std::vector<double> variance, noise, factor;               // (entries, p, m) K, z; (entries, p) F, h; (entries, p, p) L of H = L D L', where correlated
    Large covariance, filtered_covariance;                     // (entries, m, m)
    std::vector<double> error;                                 // (time, p) v
    Large state;                                               // (time + 1, m) predicted
    std::vector<double> diffuse_variance, second_gain;         // (diffuse steps, p) F_inf, 0 where it is not seen; (diffuse steps, p, m) K^(1)
    std::vector<std::vector<double>> directions, filtered_directions;  // (diffuse steps + 1), (diffuse steps)
    bool correlated = false;
    bool after = true;  // whether `filtered_covariance` is kept, which the way back needs for lagged covariances and for derivatives by the transition
    void clear();       // for another run in the same room
};

// What the smoother returns; null: not wanted.
struct Smoothed {
    double *state = nullptr, *covariance = nullptr, *lagged = nullptr;     // (time, m), (time, m, m), (time, m, m) Cov(alpha_{t+1}, alpha_t)
    double *noise = nullptr, *noise_covariance = nullptr;                  // (time, p), (time, p, p)
    double *disturbance = nullptr, *disturbance_covariance = nullptr;      // (time, r), (time, r, r)
    // What the derivatives of the likelihood are made of, summed over time (u, D: an observation's smoothing error and its variance;
    // r, N: those of a state): r r', N (m, m);  u^2, D (p) where the noise is not correlated;  r s', N T P (m, m), with s the smoothed state
    double *state_squares = nullptr, *state_variances = nullptr, *noise_squares = nullptr, *noise_variances = nullptr;
    double *transition_products = nullptr, *transition_variances = nullptr;
    double *start_squares = nullptr, *start_variances = nullptr;  // r r', N (m, m) of the first state
    double* start = nullptr;                                      // r (m) of the first state
};

// The steps over which diffuse directions are coefficients, delta, and the system of the steps after them. See kalman_augmented.cpp for the symbols.
struct Augmented {
    std::int64_t steps = 0;
    int states = 0, directions = 0;
    bool correlated = false;
    std::vector<std::int64_t> first;                          // (steps + 1) the first element of a step
    std::vector<int> element;                                 // which of y it is
    std::vector<double> row, gain, variance, noise, error;    // z, K, F (0: the element that was taken in exactly), h, v at delta = 0
    std::vector<double> seen;                                 // e, (elements with a variance, k)
    std::vector<double> state, covariance;                    // (steps, m), (steps, m, m) at delta = 0, after the elements of a step; where kept
    std::vector<std::vector<double>> shares;                  // (steps) E (m, k) likewise
    std::vector<double> inverse, delta, last_shares;          // S^-1, S^-1 s, E before the step after the last
    double log_determinant = 0;                               // of S
    std::vector<double> mean, start;                          // of the state at that step, and its covariance
    System rest;
    Totals totals;
};

// y: (time, p), NaN = missing.   record: null where there is no way back.
void filter(const System& s, const double* y, Filtered& out, Record* record);

// On what the filter left.
// The share of a variance of y that rounding may have taken on the way is returned.   least: as the filter found it; empty: not asked for.
double smooth(const System& s, const Record& record, std::int64_t diffuse_steps, const Smoothed& out, const std::vector<double>& least = {});

// The record of the same filter over another y with the same elements missing: the gains are the same.
void refilter(const System& s, const double* y, Record& record);

// The diffuse start as a regression; false where that cannot be: an element without a variance, or a direction that is never seen.
// keep: whether there is a way back.   `rest` points into `out`, which is not to be moved.
bool augment(const System& s, const double* y, Augmented& out, bool keep);

// errors: those of another y with the same elements missing at its own delta, by the same gains.   mean: where its rest starts.
void refilter_augmented(const System& s, const double* y, const Augmented& phase, std::vector<double>& errors, std::vector<double>& mean);

// start, variances: r (m), N (m, m) of the first state of the rest.
void smooth_augmented(const System& s, const double* y, const Augmented& phase, const double* start, const double* variances, const Smoothed& out);

// The filter, and where `back` the smoother, in the covariance form; where digits are in doubt, with a diffuse start by regression, else by roots.
void careful_filter_and_smooth(const System& s, const double* y, Filtered& out, const Smoothed* back);

// Both in the square-root form: P = S S', and S is what moves on.
void root_filter_and_smooth(const System& s, const double* y, Filtered& out, const Smoothed* back);

// One draw of (time, m) states given y, from standard normal numbers: m for the start, then p + r for every step.
void simulate(const System& s, const double* y, const Record& record, std::int64_t diffuse_steps, const double* normals, double* states);

// Likewise, by the careful smoother.
void simulate_carefully(const System& s, const double* y, const double* normals, double* states);

}  // namespace inorder
