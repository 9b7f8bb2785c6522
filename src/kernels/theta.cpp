// The theta models: a straight line and a smoothed level together, the line fixed or learning as observations come.
//
//     mu_t  = l + kappa d_t                               forecast of y_t, kappa = 1 - 1 / theta in [0, 1]
//     d_t   = w_t A + v_t B,   w_t = (1 - alpha)^(t-1),   v_t = (1 - (1 - alpha)^t) / alpha
//     l    <- l + alpha (y_t - l)
//
// A + B t is the least-squares line through the whole series (static), or through y_1 ... y_{t-1} (dynamic):
//
//     A = m - B t / 2,   m <- m + (y_t - m) / t,   B <- ((t - 2) B + 6 (y_t - m) / t) / (t + 1),   B = 0 at t = 1
//
// A missing observation (NaN) is replaced by mu_t. Given alpha, the error is linear in the first level l_0 and, but for gaps in a dynamic
// model, in kappa: so both follow from a 2 x 2 system, and a grid of alpha finds every valley. The lowest ones are then followed to the end
// by damped Gauss-Newton steps with exact derivatives. The twin in Python is inorder/textbook/theta.py.

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "clones.hpp"
#include "flush.hpp"

namespace nb = nanobind;

namespace inorder {
namespace {

constexpr double INF = std::numeric_limits<double>::infinity();
constexpr double NONE = std::numeric_limits<double>::quiet_NaN();
constexpr int LANES = 8;      // values of alpha that are tried at a time
constexpr int GRID = 40;      // values of alpha in all, a multiple of LANES
constexpr int VALLEYS = 3;    // that are followed to the end
constexpr int STEPS = 100;    // Gauss-Newton steps at most, from one start
constexpr double LEAST = 1e-5;     // damping
constexpr double ENOUGH = 1e-12;  // a smaller relative gain counts as none

struct Constants {
    double alpha, kappa, intercept, slope;  // the line of a static model
    bool dynamic;
};

struct State {
    std::int64_t time;           // observations so far
    double level, mean, slope;   // l, m, B
};

struct Powers {  // w and v of the next observation
    double w = 1, v = 1;
    Powers(double alpha, std::int64_t time) {
        w = std::pow(1 - alpha, static_cast<double>(time));
        v = alpha > 1e-8 ? (1 - w * (1 - alpha)) / alpha : static_cast<double>(time + 1);
    }
    void advance(double alpha) {
        w *= 1 - alpha;
        v = 1 + (1 - alpha) * v;
    }
};

inline double forecast_one(const Constants& c, const State& s, const Powers& p) {
    const double t = static_cast<double>(s.time + 1);
    const double a = c.dynamic ? s.mean - s.slope * t / 2 : c.intercept, b = c.dynamic ? s.slope : c.slope;
    return s.level + c.kappa * (p.w * a + p.v * b);
}

inline void take(const Constants& c, State& s, double y) {
    const double t = static_cast<double>(++s.time), news = y - s.mean;
    s.level += c.alpha * (y - s.level);
    s.mean += news / t;
    s.slope = s.time == 1 ? 0 : (s.slope * (t - 2) + 6 * news / t) / (t + 1);
}

void run(const double* y, std::int64_t time, const Constants& c, State& s, double* fitted) {
    Powers powers(c.alpha, s.time);
    for (std::int64_t i = 0; i < time; ++i) {
        const double mu = forecast_one(c, s, powers);
        fitted[i] = mu;
        take(c, s, std::isnan(y[i]) ? mu : y[i]);
        powers.advance(c.alpha);
    }
}

void ahead(const Constants& c, State s, std::int64_t horizon, double* mean) {
    Powers powers(c.alpha, s.time);
    for (std::int64_t h = 0; h < horizon; ++h) {
        mean[h] = forecast_one(c, s, powers);
        take(c, s, mean[h]);
        powers.advance(c.alpha);
    }
}

// What comes when `errors` are the errors to come.
void path(const Constants& c, State s, std::int64_t horizon, const double* errors, double* values) {
    Powers powers(c.alpha, s.time);
    for (std::int64_t h = 0; h < horizon; ++h) {
        values[h] = forecast_one(c, s, powers) + errors[h];
        take(c, s, values[h]);
        powers.advance(c.alpha);
    }
}

// Variances of the next observations, for errors of variance 1: the covariance of (l, m, B) carried on.
void spread(const Constants& c, std::int64_t time, std::int64_t horizon, double* variance) {
    double p[3][3] = {{0}};
    Powers powers(c.alpha, time);
    for (std::int64_t h = 0; h < horizon; ++h) {
        const double t = static_cast<double>(++time);
        const double row[3] = {1, c.dynamic ? c.kappa * powers.w : 0, c.dynamic ? c.kappa * (powers.v - powers.w * t / 2) : 0};
        const double gain[3] = {c.alpha, 1 / t, time == 1 ? 0 : 6 / (t * (t + 1))};
        // y = row x + e, and the next state is move x + gain e with move = keep + gain row
        const double keep[3][3] = {{1 - c.alpha, 0, 0}, {0, 1 - 1 / t, 0}, {0, -gain[2], time == 1 ? 0 : (t - 2) / (t + 1)}};
        double move[3][3], half[3][3], next[3][3], sum = 1;
        for (int i = 0; i < 3; ++i) {
            for (int j = 0; j < 3; ++j) {
                move[i][j] = keep[i][j] + gain[i] * row[j];
                sum += row[i] * p[i][j] * row[j];
            }
        }
        variance[h] = sum;
        for (int i = 0; i < 3; ++i) {
            for (int j = 0; j < 3; ++j) half[i][j] = move[i][0] * p[0][j] + move[i][1] * p[1][j] + move[i][2] * p[2][j];
        }
        for (int i = 0; i < 3; ++i) {
            for (int j = 0; j < 3; ++j) next[i][j] = half[i][0] * move[j][0] + half[i][1] * move[j][1] + half[i][2] * move[j][2] + gain[i] * gain[j];
        }
        std::copy(&next[0][0], &next[0][0] + 9, &p[0][0]);
        powers.advance(c.alpha);
    }
}

// What is sought. The observations are taken from their first value, so that a great level costs no digits:
// with y - c in place of y, l_0 becomes l_0 - (1 - kappa) c.
struct Problem {
    std::vector<double> y;              // NaN: missing
    std::vector<double> intercept, slope;  // of the line that each forecast uses; empty for a dynamic model with gaps
    double line_intercept = 0, line_slope = 0;
    double mean_before = 0;  // m before the first row: 0, less the first value
    bool dynamic = false;
    std::int64_t skip = 0;  // first rows, whose errors do not count
    double kappa = NONE;    // NaN: sought
    double alpha = NONE;    // NaN: sought
    double alpha_lower = 0, alpha_upper = 1;
};

struct Point {
    double alpha = 0, kappa = 0, level = 0, sum = INF;
};

// The least-squares line through the values that are there, over t = 1, 2, ...
void line_through(const std::vector<double>& y, double& intercept, double& slope) {
    double count = 0, mean_t = 0, mean_y = 0, above = 0, below = 0;
    for (std::size_t i = 0; i < y.size(); ++i) {
        if (std::isnan(y[i])) continue;
        const double t = static_cast<double>(i + 1), from_t = t - mean_t, from_y = y[i] - mean_y;
        ++count;
        mean_t += from_t / count;
        mean_y += from_y / count;
        above += from_t * (y[i] - mean_y);
        below += from_t * (t - mean_t);
    }
    slope = below > 0 ? above / below : 0;
    intercept = mean_y - slope * mean_t;
}

void lines(Problem& problem) {
    const std::size_t n = problem.y.size();
    line_through(problem.y, problem.line_intercept, problem.line_slope);
    if (!problem.dynamic) {
        problem.intercept.assign(n, problem.line_intercept);
        problem.slope.assign(n, problem.line_slope);
        return;
    }
    if (std::any_of(problem.y.begin(), problem.y.end(), [](double y) { return std::isnan(y); })) return;
    problem.intercept.resize(n);
    problem.slope.resize(n);
    State s{0, 0, problem.mean_before, 0};
    for (std::size_t i = 0; i < n; ++i) {
        problem.slope[i] = s.slope;
        problem.intercept[i] = s.mean - s.slope * static_cast<double>(i + 1) / 2;
        take({0, 0, 0, 0, true}, s, problem.y[i]);
    }
}

// Sums for the error r - l_0 u - kappa x at several alpha at once: rr, ru, rx, uu, ux, xx.
INORDER_CLONES void moments(const double* INORDER_RESTRICT y, const double* INORDER_RESTRICT intercept, const double* INORDER_RESTRICT slope, std::int64_t time,
                            std::int64_t skip, const double* INORDER_RESTRICT alpha, double (*INORDER_RESTRICT sums)[LANES]) {
    double level[LANES], u[LANES], q[LANES], w[LANES], v[LANES];  // l = level + u l_0 + q kappa
    for (int k = 0; k < LANES; ++k) {
        level[k] = q[k] = 0;
        u[k] = w[k] = v[k] = 1;
        for (int i = 0; i < 6; ++i) sums[i][k] = 0;
    }
    for (std::int64_t t = 0; t < time; ++t) {
        const double value = y[t], a = intercept[t], b = slope[t];
        if (std::isnan(value)) {
            for (int k = 0; k < LANES; ++k) q[k] += alpha[k] * (w[k] * a + v[k] * b);
        } else {
            const double counts = t >= skip ? 1 : 0;
            for (int k = 0; k < LANES; ++k) {
                const double r = counts * (value - level[k]), x = counts * (q[k] + w[k] * a + v[k] * b), own = counts * u[k];
                sums[0][k] += r * r;
                sums[1][k] += r * own;
                sums[2][k] += r * x;
                sums[3][k] += own * own;
                sums[4][k] += own * x;
                sums[5][k] += x * x;
                level[k] += alpha[k] * (value - level[k]);
                q[k] *= 1 - alpha[k];
                u[k] *= 1 - alpha[k];
            }
        }
        for (int k = 0; k < LANES; ++k) {
            w[k] *= 1 - alpha[k];
            v[k] = 1 + (1 - alpha[k]) * v[k];
        }
    }
}

// The best kappa and l_0 from the sums: a parabola in kappa once l_0 is eliminated, cut to [0, 1].
Point best_of(const double sums[6], double alpha, double kappa) {
    const double rr = sums[0], ru = sums[1], rx = sums[2], uu = sums[3], ux = sums[4], xx = sums[5];
    const double share = uu > 0 ? 1 / uu : 0;
    const double own = xx - ux * ux * share, with = rx - ru * ux * share;
    if (std::isnan(kappa)) kappa = own > 1e-14 * xx ? std::clamp(with / own, 0.0, 1.0) : 0;
    const double level = (ru - kappa * ux) * share;
    const double sum = rr - 2 * kappa * rx + kappa * kappa * xx - level * (ru - kappa * ux);
    return {alpha, kappa, level, std::max(sum, 0.0)};
}

// Errors and their derivatives by alpha, kappa and l_0: the sum of squares, and of products J'J and slopes J'e of the forecasts' Jacobian J.
double linearise(const Problem& problem, const Point& point, double product[3][3], double slope[3]) {
    const double alpha = point.alpha, kappa = point.kappa;
    double level = point.level, mean = problem.mean_before, b = 0, w = 1, v = 1, dw = 0, dv = 0, sum = 0;  // dw, dv: by alpha
    double by_level[3] = {0, 0, 1}, by_mean[3] = {0}, by_b[3] = {0};
    for (int i = 0; i < 3; ++i) {
        slope[i] = 0;
        for (int j = 0; j < 3; ++j) product[i][j] = 0;
    }
    for (std::size_t i = 0; i < problem.y.size(); ++i) {
        const double t = static_cast<double>(i + 1);
        const double a = problem.dynamic ? mean - b * t / 2 : problem.line_intercept, line = problem.dynamic ? b : problem.line_slope;
        const double d = w * a + v * line, mu = level + kappa * d;
        double by_mu[3];
        for (int k = 0; k < 3; ++k) by_mu[k] = by_level[k] + (problem.dynamic ? kappa * (w * (by_mean[k] - by_b[k] * t / 2) + v * by_b[k]) : 0);
        by_mu[0] += kappa * (dw * a + dv * line);
        by_mu[1] += d;
        const bool missing = std::isnan(problem.y[i]);
        const double y = missing ? mu : problem.y[i], e = y - mu;
        if (!missing && static_cast<std::int64_t>(i) >= problem.skip) {
            sum += e * e;
            for (int k = 0; k < 3; ++k) {
                slope[k] += by_mu[k] * e;
                for (int j = 0; j < 3; ++j) product[k][j] += by_mu[k] * by_mu[j];
            }
        }
        const double of_line = i == 0 ? 0 : (t - 2) / (t + 1), of_news = i == 0 ? 0 : 6 / (t * (t + 1));
        for (int k = 0; k < 3; ++k) {
            const double by_y = missing ? by_mu[k] : 0;
            by_b[k] = of_line * by_b[k] + of_news * (by_y - by_mean[k]);
            by_mean[k] += (by_y - by_mean[k]) / t;
            by_level[k] += alpha * (by_y - by_level[k]);
        }
        by_level[0] += y - level;
        b = of_line * b + of_news * (y - mean);
        mean += (y - mean) / t;
        level += alpha * (y - level);
        dw = dw * (1 - alpha) - w;
        dv = dv * (1 - alpha) - v;
        w *= 1 - alpha;
        v = 1 + (1 - alpha) * v;
    }
    return std::isfinite(sum) ? sum : INF;
}

// l_0 given alpha and kappa, where gaps of a dynamic model make the error linear in it alone.
Point with_level(const Problem& problem, double alpha, double kappa) {
    Point point{alpha, kappa, 0, INF};
    double product[3][3], slope[3];
    point.sum = linearise(problem, point, product, slope);
    if (product[2][2] > 0) {
        point.level = slope[2] / product[2][2];
        point.sum = linearise(problem, point, product, slope);
    }
    return point;
}

// (product + damping diag) step = slope over the coordinates that move, by elimination; a pivot lost to rounding drops its coordinate.
// Damping holds back the `damped` first coordinates alone: the errors are linear in the others.
void solve(const double product[3][3], const double slope[3], const bool moves[3], int damped, double damping, double step[3]) {
    double a[3][4];
    for (int i = 0; i < 3; ++i) {
        for (int j = 0; j < 3; ++j) a[i][j] = moves[i] && moves[j] ? product[i][j] * (i == j && i < damped ? 1 + damping : 1) : 0;
        a[i][3] = moves[i] ? slope[i] : 0;
    }
    bool dropped[3] = {false, false, false};
    for (int i = 0; i < 3; ++i) {
        dropped[i] = !(a[i][i] > 1e-13 * product[i][i]);
        if (dropped[i]) continue;
        for (int r = i + 1; r < 3; ++r) {
            const double ratio = a[r][i] / a[i][i];
            for (int j = i; j < 4; ++j) a[r][j] -= ratio * a[i][j];
        }
    }
    for (int i = 2; i >= 0; --i) {
        double sum = a[i][3];
        for (int j = i + 1; j < 3; ++j) sum -= a[i][j] * step[j];
        step[i] = dropped[i] ? 0 : sum / a[i][i];
    }
}

void descend(const Problem& problem, Point& point) {
    const double lower[3] = {problem.alpha_lower, 0, -INF}, upper[3] = {problem.alpha_upper, 1, INF};
    double product[3][3], slope[3], next_product[3][3], next_slope[3], damping = LEAST;
    point.sum = linearise(problem, point, product, slope);
    int idle = 0;
    for (int count = 0; count < STEPS && idle < 3 && point.sum > 0 && std::isfinite(point.sum); ++count) {
        const double at[3] = {point.alpha, point.kappa, point.level};
        bool moves[3];
        for (int i = 0; i < 3; ++i) {
            const bool given = (i == 0 && !std::isnan(problem.alpha)) || (i == 1 && !std::isnan(problem.kappa));
            moves[i] = !given && product[i][i] > 0 && !(at[i] <= lower[i] && slope[i] <= 0) && !(at[i] >= upper[i] && slope[i] >= 0);
        }
        if (!moves[0] && !moves[1] && !moves[2]) return;
        bool found = false;
        while (damping < 1e10) {
            double step[3];
            solve(product, slope, moves, problem.slope.empty() ? 2 : 1, damping, step);
            Point trial = point;
            trial.alpha = std::clamp(at[0] + step[0], lower[0], upper[0]);
            trial.kappa = std::clamp(at[1] + step[1], lower[1], upper[1]);
            trial.level = at[2] + step[2];
            if (!std::isnan(problem.alpha)) trial.alpha = at[0];
            if (!std::isnan(problem.kappa)) trial.kappa = at[1];
            trial.sum = linearise(problem, trial, next_product, next_slope);
            if (trial.sum < point.sum) {
                double promised = 0;  // by the straight line that the errors were taken for
                const double moved[3] = {trial.alpha - at[0], trial.kappa - at[1], trial.level - at[2]};
                for (int i = 0; i < 3; ++i) {
                    promised += 2 * moved[i] * slope[i];
                    for (int j = 0; j < 3; ++j) promised -= moved[i] * product[i][j] * moved[j];
                }
                const double kept = (point.sum - trial.sum) / promised;
                damping = kept > 0.75 ? std::max(damping / 16, LEAST) : kept < 0.25 ? damping * 8 : damping;
                idle = trial.sum < point.sum * (1 - ENOUGH) ? 0 : idle + 1;
                point = trial;
                std::copy(&next_product[0][0], &next_product[0][0] + 9, &product[0][0]);
                std::copy(next_slope, next_slope + 3, slope);
                found = true;
                break;
            }
            damping *= 8;
        }
        if (!found) return;
    }
}

// From narrow steps near 0, where much happens, to wide ones: alpha at equal steps of its square root.
std::vector<double> grid(double lower, double upper) {
    std::vector<double> values(GRID);
    for (int i = 0; i < GRID; ++i) {
        const double root = std::sqrt(lower) + (std::sqrt(upper) - std::sqrt(lower)) * i / (GRID - 1);
        values[i] = std::clamp(root * root, lower, upper);
    }
    return values;
}

Point search(Problem& problem) {
    lines(problem);
    const std::int64_t n = static_cast<std::int64_t>(problem.y.size());
    const std::vector<double> alphas = std::isnan(problem.alpha) ? grid(problem.alpha_lower, problem.alpha_upper) : std::vector<double>(LANES, problem.alpha);
    std::vector<Point> tried;
    if (problem.slope.empty()) {
        for (const double alpha : alphas) {
            Point best = with_level(problem, alpha, std::isnan(problem.kappa) ? 0 : problem.kappa);
            for (int i = 1; i <= 4 && std::isnan(problem.kappa); ++i) {
                const Point point = with_level(problem, alpha, i / 4.0);
                if (point.sum < best.sum) best = point;
            }
            tried.push_back(best);
        }
    } else {
        double sums[6][LANES];
        for (std::size_t first = 0; first < alphas.size(); first += LANES) {
            moments(problem.y.data(), problem.intercept.data(), problem.slope.data(), n, problem.skip, alphas.data() + first, sums);
            for (int k = 0; k < LANES; ++k) {
                const double own[6] = {sums[0][k], sums[1][k], sums[2][k], sums[3][k], sums[4][k], sums[5][k]};
                tried.push_back(best_of(own, alphas[first + k], problem.kappa));
            }
        }
    }
    std::vector<Point> valleys;
    for (std::size_t i = 0; i < tried.size(); ++i) {
        const bool left = i == 0 || tried[i].sum < tried[i - 1].sum, right = i + 1 == tried.size() || tried[i].sum <= tried[i + 1].sum;
        if (left && right) valleys.push_back(tried[i]);
    }
    std::stable_sort(valleys.begin(), valleys.end(), [](const Point& a, const Point& b) { return a.sum < b.sum; });
    if (valleys.size() > VALLEYS) valleys.resize(VALLEYS);
    Point best;
    for (Point& point : valleys) {
        descend(problem, point);
        if (point.sum < best.sum) best = point;
    }
    return best;
}

template <typename T>
using Array = nb::ndarray<T, nb::c_contig, nb::device::cpu>;

// constants: alpha, kappa, intercept, slope.   state: level, mean, slope.   They are changed to the last ones.
void theta_run(Array<const double> y, Array<const double> constants, bool dynamic, std::int64_t time, Array<double> state, Array<double> fitted) {
    const double* c = constants.data();
    double* s = state.data();
    State now{time, s[0], s[1], s[2]};
    const nb::gil_scoped_release unlocked;
    run(y.data(), static_cast<std::int64_t>(y.shape(0)), {c[0], c[1], c[2], c[3], dynamic}, now, fitted.data());
    s[0] = now.level;
    s[1] = now.mean;
    s[2] = now.slope;
}

// means: (rows + 1, horizon), row i made just before y[i], the last after all.
void theta_ahead(Array<const double> y, Array<const double> constants, bool dynamic, std::int64_t time, Array<const double> state, Array<double> means) {
    const double *c = constants.data(), *s = state.data(), *values = y.data();
    const Constants own{c[0], c[1], c[2], c[3], dynamic};
    State now{time, s[0], s[1], s[2]};
    const std::int64_t rows = static_cast<std::int64_t>(y.shape(0)), horizon = static_cast<std::int64_t>(means.shape(1));
    double *out = means.data(), fitted;
    const nb::gil_scoped_release unlocked;
    for (std::int64_t i = 0; i <= rows; ++i) {
        ahead(own, now, horizon, out + i * horizon);
        if (i < rows) run(values + i, 1, own, now, &fitted);
    }
}

// errors, values: (paths, horizon).
void theta_paths(Array<const double> errors, Array<const double> constants, bool dynamic, std::int64_t time, Array<const double> state, Array<double> values) {
    const double *c = constants.data(), *s = state.data(), *e = errors.data();
    const State now{time, s[0], s[1], s[2]};
    const std::int64_t count = static_cast<std::int64_t>(errors.shape(0)), horizon = static_cast<std::int64_t>(errors.shape(1));
    double* out = values.data();
    const nb::gil_scoped_release unlocked;
    for (std::int64_t i = 0; i < count; ++i) path({c[0], c[1], c[2], c[3], dynamic}, now, horizon, e + i * horizon, out + i * horizon);
}

void theta_spread(Array<const double> constants, bool dynamic, std::int64_t time, Array<double> variance) {
    const double* c = constants.data();
    const nb::gil_scoped_release unlocked;
    spread({c[0], c[1], c[2], c[3], dynamic}, time, static_cast<std::int64_t>(variance.shape(0)), variance.data());
}

// found: alpha, kappa, l_0, intercept, slope, sum of squared errors.
void theta_fit(Array<const double> y, bool dynamic, double kappa, double alpha, double alpha_lower, double alpha_upper, std::int64_t skip, Array<double> found) {
    const double* values = y.data();
    const std::int64_t n = static_cast<std::int64_t>(y.shape(0));
    double* out = found.data();
    const nb::gil_scoped_release unlocked;
    const Flush flush;
    const double* first = std::find_if(values, values + n, [](double value) { return !std::isnan(value); });
    const double centre = first == values + n ? 0 : *first;
    Problem problem;
    problem.y.resize(n);
    for (std::int64_t i = 0; i < n; ++i) problem.y[i] = values[i] - centre;
    problem.dynamic = dynamic;
    problem.mean_before = dynamic ? -centre : 0;
    problem.skip = skip;
    problem.kappa = kappa;
    problem.alpha = alpha;
    problem.alpha_lower = alpha_lower;
    problem.alpha_upper = alpha_upper;
    const Point best = search(problem);
    out[0] = best.alpha;
    out[1] = best.kappa;
    out[2] = best.level + (1 - best.kappa) * centre;
    out[3] = dynamic ? 0 : problem.line_intercept + centre;
    out[4] = dynamic ? 0 : problem.line_slope;
    out[5] = best.sum;
}

}  // namespace

void bind_theta(nb::module_& m) {
    m.def("theta_run", &theta_run);
    m.def("theta_ahead", &theta_ahead);
    m.def("theta_paths", &theta_paths);
    m.def("theta_spread", &theta_spread);
    m.def("theta_fit", &theta_fit);
}

}  // namespace inorder
