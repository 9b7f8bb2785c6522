// Structural time series models, fitted by maximum likelihood: a level, a slope, a season, a cycle and an autoregression, each with its disturbance.
//
//     y_t = level_t + season_t + cycle_t + ar_t + x_t' b + e_t
//     level_{t+1} = level_t + slope_t + u_t          slope_{t+1} = phi slope_t + w_t
//     dummy season: s_{t+1} = -(s_t + … + s_{t-m+2}) + o_t          trigonometric: harmonics turn by 2 pi j / m, each with its o_t
//     cycle: (c, c*) turn by a frequency, times rho, with disturbances       ar: a stationary autoregression
//
// The states of level, slope and season start diffuse, cycle and autoregression from their stationary distribution.
// Sought are the logarithms of the variances up to a common factor, which has its maximum in closed form, and phi, rho, frequency and partial
// autocorrelations on the line. Coefficients b are concentrated out by generalised least squares. The gradient is exact: the smoother gives the
// derivatives of the likelihood by the matrices of the model, and those by the parameters are differences of matrices, which cost nothing.
// The twin in Python is inorder/textbook/structural.py.
//
// Source: Harvey 1989, Forecasting, Structural Time Series Models and the Kalman Filter, ch. 2, 4; Koopman & Shephard 1992, Exact score for time
// series models in state space form; Durbin & Koopman 2012, ch. 3, 7.

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "flush.hpp"
#include "kalman_parts.hpp"
#include "parallel.hpp"
#include "polling.hpp"

namespace nb = nanobind;

namespace inorder {
namespace {

constexpr double PI = 3.14159265358979323846, INF = std::numeric_limits<double>::infinity();
constexpr double LOWEST = -28, HIGHEST = 12;  // of the logarithms of variances in the search
constexpr double ZERO = -1e9;                 // stands for a variance of zero
constexpr double FARTHEST = 9;                // of the other parameters on the line
constexpr int FIRST_STEPS = 6, FINALISTS = 2, STEPS = 150;  // every start goes a few steps, the best of them on to the end
constexpr std::int64_t BRIEF = 600;  // rows, at the least, of the stretch on which a long series is searched first
constexpr double FAINT = 8;  // below the largest logarithm of a variance: where one that was nothing on a stretch starts on the whole
constexpr double ENOUGH = 1e-8;  // a gradient, per observation, that is smaller ends the climb,
constexpr double LITTLE = 1e-9;  // as does a gain that is; Newton's steps do the rest
constexpr double NOTHING = 1e-20;  // squared errors a mean smaller than this are those of a perfect fit, of data of size one
constexpr double INDIFFERENT = 1e-7;  // a variance that makes no more difference to the log-likelihood is zero

enum Trend { NONE, LINEAR, SMOOTH, DAMPED };
enum Season { NO_SEASON, DUMMY, TRIGONOMETRIC };
enum Variance { IRREGULAR, LEVEL, SLOPE, SEASONAL, CYCLE, AUTOREGRESSION, VARIANCES };

struct Kind {
    bool irregular, level;
    int trend, seasonal, season_length, harmonics;
    bool cycle;
    double shortest, longest;  // period of the cycle
    int order;                 // of the autoregression
    bool slope() const { return trend != NONE; }
    int season_states() const {
        return seasonal == DUMMY ? season_length - 1 : seasonal == TRIGONOMETRIC ? 2 * harmonics - (2 * harmonics == season_length ? 1 : 0) : 0;
    }
    int states() const { return 1 + slope() + season_states() + 2 * cycle + order; }
    bool has(int variance) const {
        return variance == IRREGULAR ? irregular : variance == LEVEL ? level && trend != SMOOTH : variance == SLOPE ? slope() : variance == SEASONAL ? seasonal != NO_SEASON
                                                                                                       : variance == CYCLE ? cycle
                                                                                                                           : order > 0;
    }
};

struct Parameters {
    std::array<double, VARIANCES> variance{};
    double phi = 1, rho = 0, frequency = 0;
    std::vector<double> ar;
};

// The matrices, all constant: Z, H, T, V = R Q R', the start's P and A.
struct Matrices {
    std::vector<double> design, noise, transition, disturbance, covariance, directions;
};

// The covariance that x_{t+1} = (ar; shift) x_t + (u; 0) with Var u = 1 tends to, by doubling.
void stationary(const std::vector<double>& transition, int size, std::vector<double>& covariance) {
    std::vector<double> power = transition, one(power.size()), two(power.size());
    covariance.assign(power.size(), 0);
    covariance[0] = 1;
    for (int k = 0; k < 60; ++k) {
        double largest = 0;
        std::fill(one.begin(), one.end(), 0);
        for (int i = 0; i < size; ++i)
            for (int l = 0; l < size; ++l)
                for (int j = 0; j < size; ++j) one[i * size + j] += power[i * size + l] * covariance[l * size + j];
        for (int i = 0; i < size; ++i)
            for (int j = 0; j < size; ++j)
                for (int l = 0; l < size; ++l) covariance[i * size + j] += one[i * size + l] * power[j * size + l];
        std::fill(two.begin(), two.end(), 0);
        for (int i = 0; i < size; ++i)
            for (int l = 0; l < size; ++l)
                for (int j = 0; j < size; ++j) two[i * size + j] += power[i * size + l] * power[l * size + j];
        power = two;
        for (const double x : power) largest = std::max(largest, std::fabs(x));
        if (largest < 1e-40) break;
    }
}

void build(const Kind& kind, const Parameters& at, Matrices& out) {
    const int m = kind.states();
    out.design.assign(m, 0);
    out.noise.assign(1, kind.irregular ? at.variance[IRREGULAR] : 0);
    for (auto* matrix : {&out.transition, &out.disturbance, &out.covariance}) matrix->assign(static_cast<std::size_t>(m) * m, 0);
    out.directions.clear();
    const auto entry = [m](std::vector<double>& matrix, int i, int j) -> double& { return matrix[i * m + j]; };
    int place = 0;
    const auto diffuse = [&] {
        out.directions.resize(out.directions.size() + m, 0);
        out.directions[out.directions.size() - m + place] = 1;
    };
    out.design[0] = entry(out.transition, 0, 0) = 1;
    entry(out.disturbance, 0, 0) = kind.has(LEVEL) ? at.variance[LEVEL] : 0;
    diffuse();
    ++place;
    if (kind.slope()) {
        entry(out.transition, 0, 1) = 1;
        entry(out.transition, 1, 1) = kind.trend == DAMPED ? at.phi : 1;
        entry(out.disturbance, 1, 1) = at.variance[SLOPE];
        diffuse();
        ++place;
    }
    if (kind.seasonal == DUMMY) {
        const int first = place;
        out.design[first] = 1;
        entry(out.disturbance, first, first) = at.variance[SEASONAL];
        for (int j = 0; j < kind.season_length - 1; ++j) {
            entry(out.transition, first, first + j) = -1;
            if (j > 0) entry(out.transition, first + j, first + j - 1) = 1;
            diffuse();
            ++place;
        }
    } else if (kind.seasonal == TRIGONOMETRIC) {
        for (int j = 1; j <= kind.harmonics; ++j) {
            const double angle = 2 * PI * j / kind.season_length;
            const bool alone = 2 * j == kind.season_length;
            const int first = place;
            out.design[first] = 1;
            for (int i = 0; i < (alone ? 1 : 2); ++i) {
                entry(out.transition, first + i, first + i) = alone ? -1 : std::cos(angle);
                if (!alone) entry(out.transition, first + i, first + 1 - i) = i == 0 ? std::sin(angle) : -std::sin(angle);
                entry(out.disturbance, first + i, first + i) = at.variance[SEASONAL];
                diffuse();
                ++place;
            }
        }
    }
    if (kind.cycle) {
        out.design[place] = 1;
        for (int i = 0; i < 2; ++i) {
            entry(out.transition, place + i, place + i) = at.rho * std::cos(at.frequency);
            entry(out.transition, place + i, place + 1 - i) = (i == 0 ? 1 : -1) * at.rho * std::sin(at.frequency);
            entry(out.disturbance, place + i, place + i) = at.variance[CYCLE];
            entry(out.covariance, place + i, place + i) = at.variance[CYCLE] / (1 - at.rho * at.rho);
        }
        place += 2;
    }
    if (kind.order > 0) {
        const int p = kind.order;
        out.design[place] = 1;
        std::vector<double> small(static_cast<std::size_t>(p) * p, 0), start;
        for (int j = 0; j < p; ++j) {
            small[j] = at.ar[j];
            if (j > 0) small[j * p + j - 1] = 1;
        }
        stationary(small, p, start);
        for (int i = 0; i < p; ++i)
            for (int j = 0; j < p; ++j) {
                entry(out.transition, place + i, place + j) = small[i * p + j];
                entry(out.covariance, place + i, place + j) = start[i * p + j] * at.variance[AUTOREGRESSION];
            }
        entry(out.disturbance, place, place) = at.variance[AUTOREGRESSION];
    }
}

// The inverse of a symmetric matrix by Gauss and Jordan; false where it is not positive.
bool invert(std::vector<double> matrix, std::vector<double>& inverse) {
    std::size_t size = 0;
    while (size * size < matrix.size()) ++size;
    inverse.assign(size * size, 0);
    for (std::size_t i = 0; i < size; ++i) inverse[i * size + i] = 1;
    for (std::size_t i = 0; i < size; ++i) {
        const double pivot = matrix[i * size + i];
        if (!(pivot > 1e-8)) return false;
        for (std::size_t j = 0; j < size; ++j) {
            matrix[i * size + j] /= pivot;
            inverse[i * size + j] /= pivot;
        }
        for (std::size_t r = 0; r < size; ++r) {
            const double share = matrix[r * size + i];
            for (std::size_t j = 0; r != i && j < size; ++j) {
                matrix[r * size + j] -= share * matrix[i * size + j];
                inverse[r * size + j] -= share * inverse[i * size + j];
            }
        }
    }
    return true;
}

double between(double z, double lower, double upper) { return lower + (upper - lower) / (1 + std::exp(-z)); }

constexpr double PHI_LOWER = 0.5, PHI_UPPER = 0.999, RHO_LOWER = 0.3, RHO_UPPER = 0.9995;

class Fit {
public:
    Fit(const Kind& kind, const double* y, const double* x, std::int64_t time, int columns) : kind_(kind), y_(y), x_(x), time_(time), columns_(columns) {
        for (int v = 0; v < VARIANCES; ++v)
            if (kind.has(v)) present_.push_back(v);
        regressors_.resize(static_cast<std::size_t>(columns) * time);  // a column after the other
        for (std::int64_t t = 0; t < time; ++t)
            for (int j = 0; j < columns; ++j) regressors_[j * time + t] = x[t * columns + j];
        const int m = kind.states();
        identity_.assign(static_cast<std::size_t>(m) * m, 0);
        for (int i = 0; i < m; ++i) identity_[i * m + i] = 1;
        zeros_.assign(m, 0);
        beta.assign(columns, 0);
        information.assign(static_cast<std::size_t>(columns) * columns, 0);
    }

    int size() const { return static_cast<int>(present_.size()) + (kind_.trend == DAMPED) + 2 * kind_.cycle + kind_.order; }
    const std::vector<int>& present() const { return present_; }

    // What the coordinates z stand for: logarithms of variances, then phi, rho, period, partial autocorrelations on the line.
    Parameters point(const std::vector<double>& z) const {
        Parameters at;
        std::size_t k = 0;
        for (const int v : present_) at.variance[v] = z[k++] <= ZERO ? 0 : std::exp(z[k - 1]);
        if (kind_.trend == DAMPED) at.phi = between(z[k++], PHI_LOWER, PHI_UPPER);
        if (kind_.cycle) {
            at.rho = between(z[k++], RHO_LOWER, RHO_UPPER);
            at.frequency = between(z[k++], 2 * PI / kind_.longest, 2 * PI / kind_.shortest);
        }
        for (int j = 0; j < kind_.order; ++j) {  // Levinson
            const double r = 0.9999 * std::tanh(z[k++] / 2);
            std::vector<double> before = at.ar;
            for (int i = 0; i < j; ++i) at.ar[i] = before[i] - r * before[j - 1 - i];
            at.ar.push_back(r);
        }
        return at;
    }

    // The log-likelihood at z: the common factor of the variances at its maximum (concentrated), or 1.   gradient: null where it is not wanted.
    double loglik(const std::vector<double>& z, bool concentrated, std::vector<double>* gradient) {
        poll_();
        build(kind_, point(z), matrices_);
        const int m = kind_.states();
        System s;
        s.time = time_;
        s.states = s.disturbances = m;
        s.directions = static_cast<int>(matrices_.directions.size()) / m;
        s.design.data = matrices_.design.data();
        s.observation_intercept.data = s.state_intercept.data = s.mean = zeros_.data();
        s.observation_covariance.data = matrices_.noise.data();
        s.transition.data = matrices_.transition.data();
        s.selection.data = identity_.data();
        s.state_covariance.data = matrices_.disturbance.data();
        s.covariance = matrices_.covariance.data();
        s.diffuse = matrices_.directions.data();
        Filtered done;
        const bool record = gradient || columns_ > 0;
        record_.after = kind_.trend == DAMPED || kind_.cycle || kind_.order > 0;
        if (!by_regression_) {
            filter(s, y_, done, record ? &record_ : nullptr);
            by_regression_ = !(done.doubt <= LOST);  // and from then on
        }
        const bool regression = by_regression_ && augment(s, y_, phase_, record);
        if (regression) {
            done = Filtered();
            filter(phase_.rest, y_ + phase_.steps, done, record ? &record_ : nullptr);
            done.totals.squares += phase_.totals.squares;
            done.totals.log_determinant += phase_.totals.log_determinant;
            done.totals.known += phase_.totals.known;
            done.totals.diffuse = phase_.totals.diffuse;
        } else if (by_regression_) {
            filter(s, y_, done, record ? &record_ : nullptr);
        }
        const System& rest = regression ? phase_.rest : s;
        if (columns_ > 0) done.totals.squares = regress(s, regression, done.diffuse_steps);
        remaining = static_cast<int>(done.directions.size()) / m;
        known = done.totals.known;
        if (known == 0 || !std::isfinite(done.totals.squares) || !std::isfinite(done.totals.log_determinant)) return -INF;
        scale = concentrated ? std::max(done.totals.squares / static_cast<double>(known), NOTHING) : 1;
        perfect = done.totals.squares / static_cast<double>(known) < NOTHING;
        const double value = -0.5 * (static_cast<double>(known + done.totals.diffuse) * LOG_TWO_PI + done.totals.log_determinant +
                                     static_cast<double>(known) * std::log(scale) + done.totals.squares / scale);
        if (!gradient) return value;
        const std::size_t square = static_cast<std::size_t>(m) * m;
        std::vector<double> squares(square, 0), variances(square, 0), start_squares(square, 0), start_variances(square, 0), products, turns;
        double noise_squares = 0, noise_variances = 0;
        Smoothed back;
        back.state_squares = squares.data();
        back.state_variances = variances.data();
        back.start_squares = start_squares.data();
        back.start_variances = start_variances.data();
        back.noise_squares = &noise_squares;
        back.noise_variances = &noise_variances;
        if (kind_.trend == DAMPED || kind_.cycle || kind_.order > 0) {
            products.assign(square, 0);
            turns.assign(square, 0);
            back.transition_products = products.data();
            back.transition_variances = turns.data();
        }
        std::vector<double> start(m);
        if (regression) back.start = start.data();
        smooth(rest, record_, done.diffuse_steps, back);
        if (regression) smooth_augmented(s, y_, phase_, start.data(), start_variances.data(), back);
        gradient->assign(z.size(), 0);
        std::vector<double> ahead = z;
        for (std::size_t k = 0; k < z.size(); ++k) {
            const double h = 1e-5;
            if (k < present_.size() && z[k] <= ZERO) continue;
            ahead[k] = z[k] + h;
            build(kind_, point(ahead), above_);
            ahead[k] = z[k] - h;
            build(kind_, point(ahead), below_);
            ahead[k] = z[k];
            double sum = 0.5 * (noise_squares / scale - noise_variances) * (above_.noise[0] - below_.noise[0]);
            for (std::size_t j = 0; j < square; ++j) {
                sum += 0.5 * (squares[j] / scale - variances[j]) * (above_.disturbance[j] - below_.disturbance[j]);
                sum += 0.5 * (start_squares[j] / scale - start_variances[j]) * (above_.covariance[j] - below_.covariance[j]);
                if (!products.empty()) sum += (products[j] / scale - turns[j]) * (above_.transition[j] - below_.transition[j]);
            }
            (*gradient)[k] = sum / (2 * h);
        }
        return value;
    }

    // The maximum of the concentrated likelihood, from z on: BFGS in a box. Returns it, and leaves it in z.
    double climb(std::vector<double>& z, int steps) {
        const std::size_t size = z.size();
        std::vector<double> gradient, next_gradient, direction(size), next(size), inverse(size * size, 0), change(size), turn(size), room(size);
        double value = loglik(z, true, &gradient);
        const auto reset = [&] {
            std::fill(inverse.begin(), inverse.end(), 0);
            for (std::size_t i = 0; i < size; ++i) inverse[i * size + i] = 1 / std::max(1.0, std::sqrt(static_cast<double>(known)));
        };
        reset();
        bool fresh = true;
        for (int step = 0; step < steps && std::isfinite(value) && !perfect; ++step) {
            double largest = 0, slope = 0, longest = 0;
            for (std::size_t i = 0; i < size; ++i) {
                if (!inside(z[i], gradient[i], i)) gradient[i] = 0;
                largest = std::max(largest, std::fabs(gradient[i]));
            }
            if (largest < ENOUGH * static_cast<double>(known)) break;
            for (std::size_t i = 0; i < size; ++i) {
                direction[i] = 0;
                for (std::size_t j = 0; j < size; ++j) direction[i] += inverse[i * size + j] * gradient[j];
                if (!inside(z[i], direction[i], i)) direction[i] = 0;
                slope += direction[i] * gradient[i];
                longest = std::max(longest, std::fabs(direction[i]));
            }
            if (!(slope > 0)) {
                if (fresh) break;
                reset();
                fresh = true;
                continue;
            }
            double share = longest > 3 ? 3 / longest : 1, next_value = -INF;
            for (int halving = 0; halving < 30; ++halving, share *= 0.4) {
                for (std::size_t i = 0; i < size; ++i) next[i] = bound(z[i] + share * direction[i], i);
                next_value = loglik(next, true, &next_gradient);
                if (next_value >= value + 1e-4 * share * slope) break;
            }
            if (!(next_value > value)) {
                if (fresh) break;
                reset();
                fresh = true;
                continue;
            }
            double product = 0, curvature = 0;
            for (std::size_t i = 0; i < size; ++i) {
                change[i] = next[i] - z[i];
                turn[i] = gradient[i] - next_gradient[i];  // of −log L
                if (!inside(next[i], next_gradient[i], i)) turn[i] = 0;
                product += change[i] * turn[i];
            }
            if (product > 1e-14) {
                for (std::size_t i = 0; i < size; ++i) {
                    room[i] = 0;
                    for (std::size_t j = 0; j < size; ++j) room[i] += inverse[i * size + j] * turn[j];
                    curvature += turn[i] * room[i];
                }
                if (fresh)
                    for (std::size_t i = 0; i < size * size; ++i) inverse[i] *= product / std::max(curvature, 1e-300);
                if (fresh) {
                    for (std::size_t i = 0; i < size; ++i) room[i] *= product / std::max(curvature, 1e-300);
                    curvature = product;
                }
                for (std::size_t i = 0; i < size; ++i)
                    for (std::size_t j = 0; j < size; ++j)
                        inverse[i * size + j] += (1 + curvature / product) * change[i] * change[j] / product - (room[i] * change[j] + change[i] * room[j]) / product;
                fresh = false;
            }
            const double gain = next_value - value;
            z = next;
            value = next_value;
            gradient = next_gradient;
            if (gain < LITTLE && gain >= 0) break;
        }
        return value;
    }

    using Trials = std::vector<std::pair<double, std::vector<double>>>;  // (log-likelihood, z), the highest first

    static void sort(Trials& trials) {
        std::stable_sort(trials.begin(), trials.end(), [](const auto& one, const auto& other) { return one.first > other.first; });
    }

    // A few steps from several starts.
    Trials explore() {
        const std::vector<std::array<double, VARIANCES>> starts = {{0, -1.5, -5, -4, -2, -1}, {0, -5, -9, -8, -4, -3}, {-3, 0, -2, -1, 0, 0}};
        std::vector<double> periods{0};
        if (kind_.cycle) periods = {-2, -0.5, 1};
        std::vector<std::array<double, 2>> memories{{0, 0}};  // the first two partial autocorrelations
        if (kind_.order > 0) memories = {{0.8, 0}, {-0.8, 0}};
        if (kind_.order > 1) memories.push_back({2, -2});
        Trials trials;
        for (const double period : periods)
            for (std::size_t choice = 0; choice < memories.size() * starts.size(); ++choice) {
                const auto& memory = memories[choice / starts.size()];
                const auto& start = starts[choice % starts.size()];
                std::vector<double> trial;
                for (const int v : present_) trial.push_back(start[v]);
                if (kind_.trend == DAMPED) trial.push_back(2);
                if (kind_.cycle) {
                    trial.push_back(1);
                    trial.push_back(period);
                }
                for (int j = 0; j < kind_.order; ++j) trial.push_back(j < 2 ? memory[j] : 0);
                const double value = climb(trial, FIRST_STEPS);
                if (std::isfinite(value)) trials.emplace_back(value, trial);
            }
        sort(trials);
        return trials;
    }

    // Where a search over the last stretch of a long series ends. A variance that is nothing there is small, so that there is a way back from it.
    Trials briefly() {
        const std::int64_t stretch = std::max({BRIEF, 4 * static_cast<std::int64_t>(kind_.season_length), 10 * static_cast<std::int64_t>(kind_.states())});
        if (time_ < 3 * stretch || kind_.trend == DAMPED || kind_.cycle || kind_.order > 0) return {};  // those have modes that a stretch does not show
        const std::int64_t begin = time_ - stretch;
        if (std::count_if(y_ + begin, y_ + time_, [](double y) { return !std::isnan(y); }) < stretch / 2) return {};
        Fit brief(kind_, y_ + begin, x_ + begin * columns_, stretch, columns_);
        Trials trials = brief.explore();
        if (trials.size() > FINALISTS) trials.resize(FINALISTS);
        for (auto& [value, z] : trials) {
            value = brief.climb(z, STEPS);
            if (brief.perfect || !std::isfinite(value)) return {};
            double largest = -INF;
            for (std::size_t k = 0; k < present_.size(); ++k) largest = std::max(largest, z[k]);
            for (std::size_t k = 0; k < present_.size(); ++k) z[k] = std::max(z[k], largest - FAINT);
        }
        sort(trials);
        if (trials.size() > 1) {  // two searches that ended at the same place
            double distance = 0;
            for (std::size_t k = 0; k < trials[0].second.size(); ++k) distance = std::max(distance, std::fabs(trials[0].second[k] - trials[1].second[k]));
            if (distance < 0.3) trials.pop_back();
        }
        return trials;
    }

    // The best of several starts. Variances that make no difference are zero in the end.
    double best(std::vector<double>& z) {
        Trials trials = briefly();
        const bool brief = !trials.empty();
        if (!brief) trials = explore();
        if (trials.empty()) return -INF;
        double highest = -INF;
        for (std::size_t i = 0; i < std::min<std::size_t>(FINALISTS, trials.size()); ++i) {
            const double value = climb(trials[i].second, STEPS);
            if (!(value > highest)) continue;
            highest = value;
            z = trials[i].second;
        }
        double largest = -INF;
        for (std::size_t k = 0; k < present_.size(); ++k) largest = std::max(largest, z[k]);
        for (std::size_t k = 0; brief && k < present_.size(); ++k) {  // a step that began near the end may have passed over a small variance
            if (z[k] > largest - 2 * FAINT) continue;
            std::vector<double> faint, trial = z;
            double value = highest;
            for (const double below : {10.0, 12.0, 14.0, 16.0}) {
                trial[k] = largest - below;
                const double here = loglik(trial, true, nullptr);
                if (!(here > value + INDIFFERENT)) continue;
                value = here;
                faint = trial;
            }
            if (faint.empty()) continue;
            value = climb(faint, STEPS);
            if (!(value > highest)) continue;
            highest = value;
            z = faint;
        }
        for (std::size_t k = 0; k < present_.size(); ++k) {
            if (z[k] > largest - 7) continue;
            std::vector<double> without = z;
            without[k] = ZERO;
            const double value = loglik(without, true, nullptr);
            if (!(value > highest - INDIFFERENT)) continue;
            z = without;
            highest = std::max(highest, value);
        }
        polish(z);
        highest = loglik(z, true, nullptr);
        for (std::size_t k = 0; k < present_.size(); ++k)
            if (z[k] > ZERO) z[k] += std::log(scale);
        return highest;
    }

    // The coordinates that are not at a bound, nor so near that they hardly move anything.
    std::vector<std::size_t> moving(const std::vector<double>& z) const {
        std::vector<std::size_t> found;
        for (std::size_t k = 0; k < z.size(); ++k)
            if (k < present_.size() ? z[k] > ZERO : std::fabs(z[k]) < FARTHEST - 2) found.push_back(k);
        return found;
    }

    // The Hessian of -log L over some coordinates, by differences of gradients.
    void curvature(const std::vector<double>& z, const std::vector<std::size_t>& which, bool concentrated, std::vector<double>& hessian) {
        const std::size_t size = which.size();
        std::vector<double> above, below;
        hessian.assign(size * size, 0);
        for (std::size_t i = 0; i < size; ++i) {
            const double h = 1e-4;
            std::vector<double> at = z;
            at[which[i]] += h;
            loglik(at, concentrated, &above);
            at[which[i]] -= 2 * h;
            loglik(at, concentrated, &below);
            for (std::size_t j = 0; j < size; ++j) {
                const double second = -(above[which[j]] - below[which[j]]) / (4 * h);
                hessian[i * size + j] += second;
                hessian[j * size + i] += second;
            }
        }
    }

    // Newton's steps, from where the climb has ended, so that the end does not depend on the way. The common factor of the variances does not count:
    // the largest of them stays.
    void polish(std::vector<double>& z) {
        std::vector<double> gradient, hessian, inverse;
        double before = loglik(z, true, &gradient);
        if (perfect || !std::isfinite(before)) return;
        std::vector<std::size_t> which = moving(z);
        std::size_t first = 0;
        for (std::size_t i = 1; i < which.size() && which[i] < present_.size(); ++i)
            if (z[which[i]] > z[which[first]]) first = i;
        if (!which.empty() && which[first] < present_.size()) which.erase(which.begin() + static_cast<std::ptrdiff_t>(first));
        const std::size_t size = which.size();
        if (size == 0) return;
        curvature(z, which, true, hessian);
        if (!invert(hessian, inverse)) return;
        for (int step = 0; step < 3; ++step) {
            std::vector<double> next = z;
            double longest = 0;
            for (std::size_t i = 0; i < size; ++i) {
                double move = 0;
                for (std::size_t j = 0; j < size; ++j) move += inverse[i * size + j] * gradient[which[j]];
                next[which[i]] = bound(z[which[i]] + move, which[i]);
                longest = std::max(longest, std::fabs(move));
            }
            if (longest > 0.1) return;
            const double value = loglik(next, true, &gradient);
            if (!(value > before - 1e-9)) return;
            before = value;
            z = next;
            if (longest < 1e-11) return;
        }
    }

    double scale = 1;
    bool perfect = false;
    std::int64_t known = 0;
    int remaining = 0;
    std::vector<double> beta, information;  // (columns,), (columns, columns) X' F^-1 X of the innovations of the regressors

private:
    double bound(double x, std::size_t i) const { return i < present_.size() ? std::clamp(x, LOWEST, HIGHEST) : std::clamp(x, -FARTHEST, FARTHEST); }
    bool inside(double x, double move, std::size_t i) const {
        const double lower = i < present_.size() ? LOWEST : -FARTHEST, upper = i < present_.size() ? HIGHEST : FARTHEST;
        return !((x <= lower && move <= 0) || (x >= upper && move >= 0));
    }

    // The coefficients of the regressors by generalised least squares; what the filter left becomes that of y without them. Returns the sum of squares.
    double regress(const System& s, bool regression, std::int64_t diffuse_steps) {
        const std::size_t early = regression ? phase_.variance.size() : 0;
        const std::int64_t n = time_ - (regression ? phase_.steps : 0), size = static_cast<std::int64_t>(early) + n;
        std::vector<double> weights(size, 0), product(columns_, 0), first, mean;
        for (std::size_t i = 0; i < early; ++i) weights[i] = phase_.variance[i] > 0 ? 1 / phase_.variance[i] : 0;
        for (std::int64_t t = 0; t < n; ++t) {
            const std::int64_t e = record_.entry[t];
            const bool diffuse = t < diffuse_steps && record_.diffuse_variance[t] > 0;
            if (record_.count[e] > 0 && !diffuse && record_.variance[e] > 0) weights[early + t] = 1 / record_.variance[e];
        }
        const auto innovations = [&](const double* values) {
            if (regression) {
                refilter_augmented(s, values, phase_, first, mean);
                phase_.rest.mean = mean.data();
            }
            refilter(regression ? phase_.rest : s, values + (time_ - n), record_);
            std::vector<double> errors = first;
            errors.insert(errors.end(), record_.error.begin(), record_.error.begin() + n);
            return errors;
        };
        const std::vector<double> own = innovations(y_);
        std::vector<std::vector<double>> errors;
        for (int j = 0; j < columns_; ++j) errors.push_back(innovations(regressors_.data() + j * time_));
        std::fill(information.begin(), information.end(), 0);
        for (std::int64_t t = 0; t < size; ++t) {
            if (weights[t] == 0) continue;
            for (int i = 0; i < columns_; ++i) {
                product[i] += errors[i][t] * weights[t] * own[t];
                for (int j = 0; j < columns_; ++j) information[i * columns_ + j] += errors[i][t] * weights[t] * errors[j][t];
            }
        }
        solve(product);
        left_.assign(y_, y_ + time_);
        for (int j = 0; j < columns_; ++j)
            for (std::int64_t t = 0; t < time_; ++t) left_[t] -= beta[j] * regressors_[j * time_ + t];
        const std::vector<double> without = innovations(left_.data());
        double squares = 0;
        for (std::int64_t t = 0; t < size; ++t) squares += without[t] * without[t] * weights[t];
        if (regression) augment(s, left_.data(), phase_, true);
        return squares;
    }

    // beta of information beta = product, by Cholesky; a column that depends on those before it, or on what is diffuse, has none.
    void solve(const std::vector<double>& product) {
        const int k = columns_;
        std::vector<double> l(static_cast<std::size_t>(k) * k, 0), half(k, 0);
        for (int j = 0; j < k; ++j) {
            double pivot = information[j * k + j], whole = 0;
            for (std::int64_t t = 0; t < time_; ++t) whole += regressors_[j * time_ + t] * regressors_[j * time_ + t];
            for (int i = 0; i < j; ++i) pivot -= l[j * k + i] * l[j * k + i];
            if (!(pivot > 1e-10 * information[j * k + j]) || !(information[j * k + j] > 1e-18 * whole)) continue;
            l[j * k + j] = std::sqrt(pivot);
            for (int r = j + 1; r < k; ++r) {
                double sum = information[r * k + j];
                for (int i = 0; i < j; ++i) sum -= l[r * k + i] * l[j * k + i];
                l[r * k + j] = sum / l[j * k + j];
            }
        }
        for (int j = 0; j < k; ++j) {
            double sum = product[j];
            for (int i = 0; i < j; ++i) sum -= l[j * k + i] * half[i];
            half[j] = l[j * k + j] > 0 ? sum / l[j * k + j] : 0;
        }
        for (int j = k - 1; j >= 0; --j) {
            double sum = half[j];
            for (int i = j + 1; i < k; ++i) sum -= l[i * k + j] * beta[i];
            beta[j] = l[j * k + j] > 0 ? sum / l[j * k + j] : 0;
        }
    }

    Kind kind_;
    const double *y_, *x_;
    std::int64_t time_;
    int columns_;
    std::vector<int> present_;
    std::vector<double> regressors_, identity_, zeros_;
    Matrices matrices_, above_, below_;
    Record record_;
    Augmented phase_;
    std::vector<double> left_;
    bool by_regression_ = false;
    Poll poll_;
};

using Input = nb::ndarray<const double, nb::c_contig, nb::device::cpu>;
using Output = nb::ndarray<double, nb::c_contig, nb::device::cpu>;

Kind read_kind(const double* k) {
    return {k[0] != 0, k[1] != 0, static_cast<int>(k[2]), static_cast<int>(k[3]), static_cast<int>(k[4]), static_cast<int>(k[5]), k[6] != 0, k[7], k[8], static_cast<int>(k[9])};
}

// kind: (10,) as in `Kind`.   y: (time,), NaN = missing, of size about one.   x: (time, columns).
// found: (6 variances, phi, rho, frequency, ar …) and `deviation` of the same shape: their standard errors (NaN: none).
// beta, information: (columns,), (columns, columns).   Returns (log-likelihood, elements in it, directions not learnt, whether the fit is perfect).
nb::tuple structural_fit(const Input& kind_of, const Input& y, const Input& x, Output found, Output deviation, Output beta, Output information) {
    const Kind kind = read_kind(kind_of.data());
    const std::int64_t time = static_cast<std::int64_t>(y.shape(0));
    const int columns = static_cast<int>(x.shape(1));
    double highest = 0;
    std::int64_t known = 0;
    int remaining = 0;
    bool perfect = false;
    const double *values = y.data(), *regressors = x.data();
    double *out = found.data(), *error = deviation.data(), *b = beta.data(), *info = information.data();
    {
        const nb::gil_scoped_release unlocked;
        const Flush flush;
        Fit fit(kind, values, regressors, time, columns);
        std::vector<double> z;
        highest = fit.best(z);
        std::fill(error, error + 9 + kind.order, std::numeric_limits<double>::quiet_NaN());
        std::fill(out, out + 9 + kind.order, std::numeric_limits<double>::quiet_NaN());
        if (std::isfinite(highest)) {
            const auto write = [&](const Parameters& at, double* to) {
                std::copy(at.variance.begin(), at.variance.end(), to);
                to[6] = at.phi;
                to[7] = at.rho;
                to[8] = at.frequency;
                std::copy(at.ar.begin(), at.ar.end(), to + 9);
            };
            write(fit.point(z), out);
            perfect = fit.perfect;
            fit.loglik(z, false, nullptr);
            known = fit.known;
            remaining = fit.remaining;
            std::copy(fit.beta.begin(), fit.beta.end(), b);
            std::copy(fit.information.begin(), fit.information.end(), info);
            if (!perfect) {  // the Hessian by differences of gradients, over what is not at a bound
                const std::vector<std::size_t> moving = fit.moving(z);
                const std::size_t size = moving.size();
                std::vector<double> hessian, inverse, low(9 + kind.order), high(9 + kind.order);
                fit.curvature(z, moving, false, hessian);
                const bool positive = invert(hessian, inverse);
                std::vector<double> total(9 + kind.order, 0);
                std::vector<std::vector<double>> slopes;
                for (std::size_t i = 0; i < size && positive; ++i) {  // the delta method
                    std::vector<double> at = z;
                    at[moving[i]] += 1e-5;
                    write(fit.point(at), high.data());
                    at[moving[i]] -= 2e-5;
                    write(fit.point(at), low.data());
                    for (std::size_t j = 0; j < high.size(); ++j) high[j] = (high[j] - low[j]) / 2e-5;
                    slopes.push_back(high);
                }
                for (std::size_t i = 0; i < slopes.size(); ++i)
                    for (std::size_t k = 0; k < slopes.size(); ++k)
                        for (std::size_t j = 0; j < total.size(); ++j) total[j] += slopes[i][j] * inverse[i * size + k] * slopes[k][j];
                for (std::size_t j = 0; j < total.size() && positive; ++j)
                    if (total[j] > 0) error[j] = std::sqrt(total[j]);
            }
        }
    }
    return nb::make_tuple(highest, known, remaining, perfect);
}

// The concentrated log-likelihood at coordinates z of the search, and its gradient.
double structural_score(const Input& kind_of, const Input& y, const Input& x, const Input& z, Output gradient) {
    Fit fit(read_kind(kind_of.data()), y.data(), x.data(), static_cast<std::int64_t>(y.shape(0)), static_cast<int>(x.shape(1)));
    std::vector<double> slope;
    const double value = fit.loglik(std::vector<double>(z.data(), z.data() + z.shape(0)), true, &slope);
    std::copy(slope.begin(), slope.end(), gradient.data());
    return value;
}

// parameters: as `found` above.   The matrices of that model: design (m), transition, disturbance covariance, covariance of the start (m, m); directions (k, m).
void structural_matrices(const Input& kind_of, const Input& parameters, Output design, Output transition, Output disturbance, Output covariance, Output directions) {
    const Kind kind = read_kind(kind_of.data());
    Parameters at;
    const double* p = parameters.data();
    std::copy(p, p + VARIANCES, at.variance.begin());
    at.phi = p[6];
    at.rho = p[7];
    at.frequency = p[8];
    at.ar.assign(p + 9, p + 9 + kind.order);
    Matrices out;
    build(kind, at, out);
    std::copy(out.design.begin(), out.design.end(), design.data());
    std::copy(out.transition.begin(), out.transition.end(), transition.data());
    std::copy(out.disturbance.begin(), out.disturbance.end(), disturbance.data());
    std::copy(out.covariance.begin(), out.covariance.end(), covariance.data());
    std::copy(out.directions.begin(), out.directions.end(), directions.data());
}

}  // namespace

void bind_structural(nb::module_& m) {
    m.def("structural_fit", &structural_fit);
    m.def("structural_score", &structural_score);
    m.def("structural_matrices", &structural_matrices);
}

}  // namespace inorder
