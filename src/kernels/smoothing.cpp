// Exponential smoothing: the recursion, and the search for its parameters and initial states.
//
//     base = l + phi b                         forecast  f = base + s      or  base s
//     e = y - f
//     l <- base + alpha e                      or  base + alpha e / s
//     b <- phi b + alpha beta e                or  phi b + alpha beta e / s
//     s <- s + gamma e                         or  s + gamma e / base      (for the same place of the next season)
//
// Without a trend b = beta = 0 and phi = 1; without a season there is one place, s = gamma = 0.
// A missing observation (NaN) advances the state without an update; so does, with a multiplicative season, a forecast of exactly 0,
// where the ratio y / f does not exist.
//
// The search minimises the sum of squared errors by damped Gauss-Newton steps (Levenberg-Marquardt) inside a box. The Jacobian is
// exact: the derivatives of the states are carried along the recursion, all columns at once. gamma is sought as a share of 1 - alpha.
// The twin in Python is inorder/textbook/smoothing.py.

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "clones.hpp"
#include "flush.hpp"
#include "initial_states.hpp"
#include "least_squares.hpp"
#include "parallel.hpp"

namespace nb = nanobind;

namespace inorder {
namespace {

enum Column { ALPHA, BETA, GAMMA, PHI, LEVEL, TREND, SEASON };
constexpr double INF = std::numeric_limits<double>::infinity();
constexpr int FINALISTS = 2;        // starts that are followed to the end, the best of all after FIRST_STEPS steps
constexpr int FIRST_STEPS = 8;
constexpr int STEPS = 200;          // Gauss-Newton steps at most, from one start
constexpr double ENOUGH = 1e-11;    // a smaller relative gain counts as none

struct Point {  // everything that the recursion starts from
    double alpha = 0, beta = 0, gamma = 0, phi = 1, level = 0, trend = 0;
    std::vector<double> season;
};

struct Problem {
    const double* y;
    std::int64_t time;
    bool trend, damped, multiplicative, estimate_initial;
    int season_length;  // 1: none
    double fixed[4];    // alpha, beta, gamma, phi; NaN: to be sought
    double phi_lower, phi_upper;
    double floor;  // with a multiplicative season: half of the smallest observation, below which the search lets no base fall
    bool seasonal() const { return season_length > 1; }
};

// The recursion over one stretch: l, b and `season` move on. TREND and SEASON false leave out what would stay zero, which changes no number.
// Returns the sum of squared errors; infinite where, in a search (`floor` >= 0), a multiplicative model comes close to a division by zero.
template <bool TREND, bool SEASON, bool MULTIPLICATIVE>
double pass(const double* INORDER_RESTRICT y, std::int64_t time, const Point& point, double floor, double* INORDER_RESTRICT season, double& level, double& trend,
            double* INORDER_RESTRICT fitted) {
    const std::int64_t m = static_cast<std::int64_t>(point.season.size());
    const double alpha = point.alpha, alpha_beta = point.alpha * point.beta, gamma = point.gamma, phi = point.phi;
    double l = point.level, b = point.trend, sum = 0;
    std::int64_t place = 0;
    for (std::int64_t t = 0; t < time; ++t) {
        const double s = SEASON ? season[place] : 0, drift = TREND ? phi * b : 0, base = TREND ? l + drift : l;
        const double forecast = MULTIPLICATIVE ? base * s : SEASON ? base + s : base;
        if (fitted) fitted[t] = forecast;
        if (std::isnan(y[t]) || (MULTIPLICATIVE && forecast == 0)) {
            l = base;
            b = drift;
        } else {
            if (MULTIPLICATIVE && floor >= 0 && !(base > floor && s > SMALLEST)) return INF;
            const double e = y[t] - forecast;
            l = base + (MULTIPLICATIVE ? alpha * e / s : alpha * e);
            if (TREND) b = drift + (MULTIPLICATIVE ? alpha_beta * e / s : alpha_beta * e);
            if (SEASON) season[place] = s + (MULTIPLICATIVE ? gamma * e / base : gamma * e);
            sum += e * e;
        }
        if (SEASON && ++place == m) place = 0;
    }
    if (SEASON) std::rotate(season, season + place, season + m);
    level = l;
    trend = b;
    return sum;
}

// `season` is turned so that its first element is for the next observation.
double smooth(const double* y, std::int64_t time, const Point& point, bool multiplicative, double floor, double* season, double& level, double& trend,
              double* fitted) {
    std::copy(point.season.begin(), point.season.end(), season);
    const bool trended = point.trend != 0 || point.alpha * point.beta != 0;
    const bool seasonal = point.season.size() > 1 || point.season[0] != 0 || point.gamma != 0;
    const auto chosen = multiplicative ? (trended ? pass<true, true, true> : pass<false, true, true>)
                        : trended      ? (seasonal ? pass<true, true, false> : pass<true, false, false>)
                                       : (seasonal ? pass<false, true, false> : pass<false, false, false>);
    return chosen(y, time, point, floor, season, level, trend, fitted);
}

double error_sum(const Problem& problem, const Point& point, std::vector<double>& season) {
    double level, trend;
    season.resize(point.season.size());
    const double sum = smooth(problem.y, problem.time, point, problem.multiplicative, problem.floor, season.data(), level, trend, nullptr);
    return std::isfinite(sum) ? sum : INF;
}

struct Derivatives {  // of the states with respect to every Column; the initial season only where it is sought
    int columns;      // padded
    std::vector<double> level, trend, season, rows, product, slope;
    Derivatives(int season_length, bool initial_season) {
        columns = padded(SEASON + (initial_season ? season_length : 0));
        level.resize(columns);
        trend.resize(columns);
        season.resize(static_cast<std::size_t>(columns) * season_length);
        rows.resize(static_cast<std::size_t>(columns) * ROWS);
        product.resize(static_cast<std::size_t>(columns) * columns);
        slope.resize(columns);
    }
};

// One step of the derivatives: new derivatives of level, trend and season, and the row of the Jacobian of the forecast.
INORDER_CLONES void advance(int columns, double* INORDER_RESTRICT level, double* INORDER_RESTRICT trend, double* INORDER_RESTRICT season,
                            double* INORDER_RESTRICT row, double phi, double b, double forecast_by_base, double forecast_by_season, double level_by_forecast,
                            double level_by_season, double trend_by_forecast, double trend_by_season, double season_by_forecast, double season_by_base) {
    trend[PHI] += b / phi;  // so that phi * trend holds b as well
    for (int k = 0; k < columns; ++k) {
        const double drift = phi * trend[k], base = level[k] + drift, s = season[k];
        const double forecast = forecast_by_base * base + forecast_by_season * s;
        level[k] = base + level_by_forecast * forecast + level_by_season * s;
        trend[k] = drift + trend_by_forecast * forecast + trend_by_season * s;
        season[k] = s + season_by_forecast * forecast + season_by_base * base;
        row[k] = forecast;
    }
}

// The sum of squared errors with its derivatives: product = J'J and slope = J'e of the forecasts' Jacobian J, in natural columns.
void linearise(const Problem& problem, const Point& point, std::vector<double>& season, Derivatives& d) {
    const int m = problem.season_length, columns = d.columns;
    const double alpha = point.alpha, beta = point.beta, gamma = point.gamma, phi = point.phi;
    std::fill(d.level.begin(), d.level.end(), 0.0);
    std::fill(d.trend.begin(), d.trend.end(), 0.0);
    std::fill(d.season.begin(), d.season.end(), 0.0);
    std::fill(d.product.begin(), d.product.end(), 0.0);
    std::fill(d.slope.begin(), d.slope.end(), 0.0);
    d.level[LEVEL] = d.trend[TREND] = 1;
    for (int j = 0; problem.estimate_initial && j < m; ++j) d.season[static_cast<std::size_t>(j) * columns + SEASON + j] = 1;
    season = point.season;
    double l = point.level, b = point.trend;
    int place = 0, count = 0;
    for (std::int64_t t = 0; t < problem.time; ++t) {
        const double s = season[place], drift = phi * b, base = l + drift, forecast = problem.multiplicative ? base * s : base + s;
        double* ds = d.season.data() + static_cast<std::size_t>(place) * columns;
        double* row = d.rows.data() + static_cast<std::size_t>(count) * columns;
        const double y = problem.y[t];
        if (std::isnan(y)) {
            advance(columns, d.level.data(), d.trend.data(), ds, row, phi, b, 0, 0, 0, 0, 0, 0, 0, 0);
            l = base;
            b = drift;
        } else {
            const double e = y - forecast;
            double share = e, ratio = e;  // what the level and the season learn from
            if (problem.multiplicative) {
                share = e / s;
                ratio = e / base;
                advance(columns, d.level.data(), d.trend.data(), ds, row, phi, b, s, base, -alpha / s, -alpha * share / s, -alpha * beta / s,
                        -alpha * beta * share / s, -gamma / base, -gamma * ratio / base);
                l = base + alpha * e / s;
                b = drift + alpha * beta * e / s;
                season[place] = s + gamma * e / base;
            } else {
                advance(columns, d.level.data(), d.trend.data(), ds, row, phi, b, 1, 1, -alpha, 0, -alpha * beta, 0, -gamma, 0);
                l = base + alpha * e;
                b = drift + alpha * beta * e;
                season[place] = s + gamma * e;
            }
            d.level[ALPHA] += share;
            d.trend[ALPHA] += beta * share;
            d.trend[BETA] += alpha * share;
            ds[GAMMA] += ratio;
            for (int k = 0; k < columns; ++k) d.slope[k] += row[k] * e;
            if (++count == ROWS) {
                accumulate(d.rows.data(), count, columns, d.product.data());
                count = 0;
            }
        }
        if (++place == m) place = 0;
    }
    accumulate(d.rows.data(), count, columns, d.product.data());
}

void start_from(const Problem& problem, Point& point) {
    InitialStates initial = initial_states(problem.y, problem.time, problem.season_length, problem.multiplicative, problem.floor);
    point.level = initial.level;
    point.trend = problem.trend ? initial.slope : 0;
    point.season = std::move(initial.season);
}

// What is sought: some of alpha, beta, the share of 1 - alpha that gamma is, phi, and the initial states. The last season place follows
// from the others, since the seasons sum to 0 (multiplicative: to their number).
class Search {
   public:
    explicit Search(const Problem& problem) : problem_(problem), derivatives_(problem.season_length, problem.estimate_initial) {
        for (int i = 0; i < 4; ++i) {
            const bool used = i == ALPHA || (i == BETA && problem.trend) || (i == GAMMA && problem.seasonal()) || (i == PHI && problem.damped);
            if (!used || !std::isnan(problem.fixed[i])) continue;
            const double gamma = problem.seasonal() && !std::isnan(problem.fixed[GAMMA]) ? problem.fixed[GAMMA] : 0;
            add(i, i == PHI ? problem.phi_lower : 0, i == PHI ? problem.phi_upper : i == ALPHA ? 1 - gamma : 1);
        }
        weights_ = static_cast<int>(kinds_.size());
        share_ = problem.seasonal() && std::isnan(problem.fixed[GAMMA]);
        if (!problem.estimate_initial) return;
        add(LEVEL, -INF, INF);
        if (problem.trend) add(TREND, -INF, INF);
        for (int j = 0; problem.seasonal() && j + 1 < problem.season_length; ++j) add(SEASON + j, -INF, INF);
    }

    // The best point found, and its sum of squared errors.
    std::pair<Point, double> best(const Point& initial) {
        initial_ = initial;
        std::vector<std::pair<double, std::vector<double>>> starts = grid();
        std::stable_sort(starts.begin(), starts.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
        keep_different(starts);
        for (auto& [sum, start] : starts) descend(start, sum, FIRST_STEPS);
        std::stable_sort(starts.begin(), starts.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
        if (starts.size() > FINALISTS) starts.resize(FINALISTS);
        double lowest = INF;
        std::vector<double> z;
        for (auto& [sum, start] : starts) {
            descend(start, sum, STEPS);
            if (z.empty() || sum < lowest) {
                lowest = sum;
                z = start;
            }
        }
        return {point(z), lowest};
    }

   private:
    void add(int kind, double lower, double upper) {
        kinds_.push_back(kind);
        lower_.push_back(lower);
        upper_.push_back(upper);
    }

    Point point(const std::vector<double>& z) const {
        Point p = initial_;
        double weights[4] = {problem_.fixed[0], problem_.fixed[1], problem_.fixed[2], problem_.fixed[3]};
        const double total = problem_.multiplicative ? problem_.season_length : 0;
        double sum = 0;
        for (std::size_t i = 0; i < z.size(); ++i) {
            if (kinds_[i] < LEVEL) weights[kinds_[i]] = z[i];
            if (kinds_[i] == LEVEL) p.level = z[i];
            if (kinds_[i] == TREND) p.trend = z[i];
            if (kinds_[i] >= SEASON) sum += p.season[kinds_[i] - SEASON] = z[i];
        }
        if (problem_.estimate_initial && problem_.seasonal()) p.season.back() = total - sum;
        p.alpha = weights[ALPHA];
        p.beta = problem_.trend ? weights[BETA] : 0;
        p.gamma = !problem_.seasonal() ? 0 : share_ ? weights[GAMMA] * (1 - p.alpha) : weights[GAMMA];
        p.phi = problem_.damped ? weights[PHI] : 1;
        return p;
    }

    // Coarse weights with the initial states as they are: (sum of squared errors, z) of every grid point.
    std::vector<std::pair<double, std::vector<double>>> grid() {
        static const std::vector<double> values[4] = {{0.05, 0.2, 0.5, 0.9}, {0.01, 0.1, 0.5}, {0.05, 0.3, 0.7}, {0.9, 0.98}};
        std::vector<double> z(kinds_.size());
        for (std::size_t i = weights_; i < z.size(); ++i) {
            z[i] = kinds_[i] == LEVEL ? initial_.level : kinds_[i] == TREND ? initial_.trend : initial_.season[kinds_[i] - SEASON];
        }
        std::size_t count = 1;
        for (int i = 0; i < weights_; ++i) count *= values[kinds_[i]].size();
        std::vector<std::pair<double, std::vector<double>>> starts;
        for (std::size_t g = 0; g < count; ++g) {
            std::size_t rest = g;
            for (int i = weights_ - 1; i >= 0; --i) {
                const auto& choices = values[kinds_[i]];
                z[i] = std::clamp(choices[rest % choices.size()], lower_[i], upper_[i]);
                rest /= choices.size();
            }
            starts.emplace_back(error_sum(problem_, point(z), season_), z);
        }
        return starts;
    }

    // The best grid point for each value of the first two weights, so that the starts lie apart.
    void keep_different(std::vector<std::pair<double, std::vector<double>>>& starts) const {
        std::vector<std::pair<double, std::vector<double>>> kept;
        for (auto& start : starts) {
            const bool seen = std::any_of(kept.begin(), kept.end(), [&](const auto& other) {
                for (int i = 0; i < std::min(weights_, 2); ++i) {
                    if (other.second[i] != start.second[i]) return false;
                }
                return true;
            });
            if (!seen) kept.push_back(start);
        }
        starts = kept;
    }

    // Levenberg-Marquardt from z, in place; `sum` goes down with it.
    void descend(std::vector<double>& z, double& sum, int steps) {
        const int p = static_cast<int>(z.size());
        if (p == 0 || !std::isfinite(sum)) return;
        std::vector<double> trial(p);
        double damping = 1e-3;
        int idle = 0;
        for (int step = 0; step < steps && sum > 0 && idle < 3; ++step) {
            linearise(problem_, point(z), season_, derivatives_);
            reduce(z);
            for (; damping < 1e12; damping *= 8) {
                if (!box_.propose(normal_, slope_, lower_, upper_, z, damping, trial)) return;
                const double reached = error_sum(problem_, point(trial), season_);
                if (reached < sum) {
                    idle = reached < sum * (1 - ENOUGH) ? 0 : idle + 1;
                    sum = reached;
                    z = trial;
                    break;
                }
            }
            if (damping >= 1e12) return;
            damping = std::max(damping / 16, 1e-9);
        }
    }

    // From natural columns to those of z.
    void reduce(const std::vector<double>& z) {
        const int p = static_cast<int>(z.size()), columns = derivatives_.columns, last = SEASON + problem_.season_length - 1;
        terms_.assign(p, {});
        for (int i = 0; i < p; ++i) {
            Term& term = terms_[i];
            term.first = kinds_[i];
            if (kinds_[i] >= SEASON) {
                term.second = last;
                term.times_second = -1;
            } else if (share_ && kinds_[i] == GAMMA) {
                term.times_first = 1 - point(z).alpha;
            } else if (share_ && kinds_[i] == ALPHA) {
                term.second = GAMMA;
                for (int j = 0; j < weights_; ++j) {
                    if (kinds_[j] == GAMMA) term.times_second = -z[j];
                }
            }
        }
        const auto& product = derivatives_.product;
        const auto at = [&](int i, int j) { return product[static_cast<std::size_t>(std::min(i, j)) * columns + std::max(i, j)]; };
        normal_.resize(static_cast<std::size_t>(p) * p);
        slope_.resize(p);
        for (int i = 0; i < p; ++i) {
            const Term& a = terms_[i];
            slope_[i] = a.times_first * derivatives_.slope[a.first] + a.times_second * derivatives_.slope[a.second];
            for (int j = i; j < p; ++j) {
                const Term& b = terms_[j];
                double sum = a.times_first * b.times_first * at(a.first, b.first);
                if (b.times_second != 0) sum += a.times_first * b.times_second * at(a.first, b.second);
                if (a.times_second != 0) sum += a.times_second * b.times_first * at(a.second, b.first);
                if (a.times_second != 0 && b.times_second != 0) sum += a.times_second * b.times_second * at(a.second, b.second);
                normal_[static_cast<std::size_t>(i) * p + j] = sum;
            }
        }
    }

    struct Term {
        int first = 0, second = 0;
        double times_first = 1, times_second = 0;
    };
    const Problem& problem_;
    Derivatives derivatives_;
    Point initial_;
    std::vector<int> kinds_;
    std::vector<double> lower_, upper_, season_, normal_, slope_;
    BoxStep box_;
    std::vector<Term> terms_;
    int weights_ = 0;     // how many of z are weights; the rest are initial states
    bool share_ = false;  // whether gamma is sought
};

template <typename T>
using Array = nb::ndarray<T, nb::c_contig, nb::device::cpu>;

void smooth_panel(Array<const double> values, Array<const std::int64_t> offsets, Array<const double> weights, Array<const double> level, Array<const double> trend,
                  Array<const double> season, bool multiplicative, std::int64_t threads, Array<double> fitted, Array<double> last_level, Array<double> last_trend,
                  Array<double> last_season, Array<double> sum) {
    const std::int64_t count = static_cast<std::int64_t>(offsets.shape(0)) - 1, m = static_cast<std::int64_t>(season.shape(1));
    const double *y = values.data(), *w = weights.data(), *l = level.data(), *b = trend.data(), *s = season.data();
    const std::int64_t* at = offsets.data();
    double *f = fitted.data(), *ll = last_level.data(), *lb = last_trend.data(), *ls = last_season.data(), *total = sum.data();
    const nb::gil_scoped_release unlocked;
    for_each(count, threads, [=](std::int64_t i) {
        const Point point{w[4 * i], w[4 * i + 1], w[4 * i + 2], w[4 * i + 3], l[i], b[i], std::vector<double>(s + i * m, s + (i + 1) * m)};
        total[i] = smooth(y + at[i], at[i + 1] - at[i], point, multiplicative, -1, ls + i * m, ll[i], lb[i], f + at[i]);
    });
}

void fit_panel(Array<const double> values, Array<const std::int64_t> offsets, bool trend, bool damped, std::int64_t season_length, bool multiplicative,
               Array<const double> fixed, double phi_lower, double phi_upper, bool estimate_initial, std::int64_t threads, Array<double> weights,
               Array<double> level, Array<double> slope, Array<double> season, Array<double> sum) {
    const std::int64_t count = static_cast<std::int64_t>(offsets.shape(0)) - 1, m = season_length;
    const double *y = values.data(), *given = fixed.data();
    const std::int64_t* at = offsets.data();
    double *w = weights.data(), *l = level.data(), *b = slope.data(), *s = season.data(), *total = sum.data();
    const nb::gil_scoped_release unlocked;
    for_each(count, threads, [=](std::int64_t i) {
        const Problem problem{y + at[i], at[i + 1] - at[i], trend, damped, multiplicative, estimate_initial, static_cast<int>(m),
                              {given[0], given[1], given[2], given[3]}, phi_lower, phi_upper, multiplicative ? smallest_of(y + at[i], y + at[i + 1]) / 2 : -1};
        Point initial;
        start_from(problem, initial);
        const Flush flush;
        const auto [point, lowest] = Search(problem).best(initial);
        w[4 * i] = point.alpha;
        w[4 * i + 1] = point.beta;
        w[4 * i + 2] = point.gamma;
        w[4 * i + 3] = point.phi;
        l[i] = point.level;
        b[i] = point.trend;
        std::copy(point.season.begin(), point.season.end(), s + i * m);
        total[i] = lowest;
    });
}

}  // namespace

void bind_smoothing(nb::module_& m) {
    m.def("smooth_panel", &smooth_panel);
    m.def("fit_panel", &fit_panel);
}

}  // namespace inorder
