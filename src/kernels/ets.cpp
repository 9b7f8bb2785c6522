// State space models of exponential smoothing: the recursion, sample paths, and the search for the likeliest parameters of many models.
//
//     B = 0, phi b or b^phi      q = l, l + B or l B          f = q, q + s or q s         trend none, additive, multiplicative; season likewise
//     e = y - f                  u = e, or e / s with a multiplicative season
//     l <- q + alpha u           b <- B + beta u, or B + beta u / l                       s <- s + gamma e, or s + gamma e / q
//
// The kind of error changes the likelihood alone: r = e, or r = e / f with a multiplicative error, normal with variance sigma^2, so that
//
//     -2 log L = n log(2 pi S / n) + n + 2 sum log |f|,        S = sum r^2        (the last sum with a multiplicative error only)
//
// With G = (product of f)^(1/n) this is n log sum (G r)^2 and a constant: least squares of G r, also with a multiplicative error. The search
// takes damped Gauss-Newton steps inside a box. The Jacobian is exact: the derivatives of the states are carried along the recursion,
//
//     d(G r) = G (dr + r g),        dr = -(y / f^2) df,        g = mean of df / f
//
// A half-normal prior on beta / alpha with deviation tau adds (beta / alpha)^2 / tau^2 to -2 log L, and so S / (n tau^2) to its place in J'J.
//
// A missing observation (NaN) moves the state on without a correction. So does one that would bring the level or the growth of a
// multiplicative trend to zero or below; a factor of the season stays as it is where q, or the factor, would not be above zero.
// The twin in Python is inorder/textbook/ets.py.

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "clones.hpp"
#include "flush.hpp"
#include "initial_states.hpp"
#include "least_squares.hpp"
#include "polling.hpp"

namespace nb = nanobind;

namespace inorder {
namespace {

enum Column { ALPHA, BETA, GAMMA, PHI, LEVEL, TREND, SEASON };
enum Part { NONE, ADDITIVE, MULTIPLICATIVE };
enum Bounds { USUAL, ADMISSIBLE, BOTH };
constexpr double INF = std::numeric_limits<double>::infinity();
constexpr double PI = 3.14159265358979323846;
constexpr double EPSILON = std::numeric_limits<double>::epsilon();
constexpr double LOWEST_BASE = 0.01;  // a multiplicative model seeks no forecast below this share of the smallest observation
constexpr int STARTS = 6;             // grid points that a few steps are taken from, beside the stillest and the solution of a model before
constexpr int FINALISTS = 3;          // starts that are followed to the end
constexpr int FIRST_STEPS = 4;
constexpr int STEPS = 100;            // Gauss-Newton steps at most, from one start
constexpr int LAST_STEPS = 4;         // to the last digits
constexpr double ROUNDING = 1e-13;    // of the objective
constexpr int LONG_SEASON = 13;       // from which the first steps leave the initial season as it is
constexpr double SAME_VALLEY = 0.01;  // weights that differ by less, in a search that has not ended, will end at the same point
constexpr double ENOUGH = 1e-11;      // a smaller relative gain counts as none

struct Kind {
    bool multiplicative_error;
    Part trend;
    bool damped;
    Part season;
    bool positive() const { return multiplicative_error || trend == MULTIPLICATIVE || season == MULTIPLICATIVE; }
};

struct Point {  // everything that the recursion starts from; beta is alpha times Holt's
    double alpha = 0, beta = 0, gamma = 0, phi = 1, level = 0, trend = 0;
    std::vector<double> season;
};

struct Sums {  // of one pass
    double squares = 0, logarithms = 0;  // sum r^2, sum log |f|
    std::int64_t count = 0;
};

// Where the numbers along the way go; null: nowhere.
struct Path {
    double *fitted = nullptr, *level = nullptr, *trend = nullptr, *season = nullptr;  // level, trend: before; season: the place of y[t], after
};

// One correction by y. `floor` >= 0 is a search: false where the model leaves the range in which it can be sought.
template <Part TREND_, Part SEASON_>
inline bool correct(double y, double f, double q, double B, double alpha, double beta, double gamma, double floor, double& l, double& b, double& s) {
    if (SEASON_ == MULTIPLICATIVE && floor >= 0 && !(q > floor && s > SMALLEST)) return false;
    const double e = y - f, u = SEASON_ == MULTIPLICATIVE ? e / s : e, level = q + alpha * u;
    if (TREND_ == MULTIPLICATIVE) {
        const double growth = B + beta * u / l;
        if (level > 0 && growth > 0) {
            b = growth;
        } else {
            l = q;
            b = B;
            return floor < 0;
        }
    } else if (TREND_ == ADDITIVE) {
        b = B + beta * u;
    }
    l = level;
    if (SEASON_ == ADDITIVE) s += gamma * e;
    if (SEASON_ == MULTIPLICATIVE) {
        const double factor = s + gamma * e / q;
        if (q > 0 && factor > 0) s = factor;
    }
    return true;
}

// The recursion over one stretch: l, b and `season` move on.
template <bool RELATIVE, Part TREND_, Part SEASON_>
Sums pass(const double* INORDER_RESTRICT y, std::int64_t time, const Point& point, double floor, double* INORDER_RESTRICT season, double& level, double& trend,
          const Path& path) {
    const std::int64_t m = static_cast<std::int64_t>(point.season.size());
    const double alpha = point.alpha, beta = point.beta, gamma = point.gamma, phi = point.phi;
    double l = point.level, b = point.trend, product = 1;
    Sums sums;
    std::int64_t place = 0;
    for (std::int64_t t = 0; t < time; ++t) {
        double& s = season[place];
        const double B = TREND_ == NONE ? 0 : TREND_ == ADDITIVE ? phi * b : phi == 1 ? b : std::pow(b, phi);
        const double q = TREND_ == NONE ? l : TREND_ == ADDITIVE ? l + B : l * B;
        const double f = SEASON_ == NONE ? q : SEASON_ == ADDITIVE ? q + s : q * s;
        if (path.fitted) path.fitted[t] = f;
        if (path.level) {
            path.level[t] = l;
            path.trend[t] = b;
        }
        if (std::isnan(y[t])) {
            l = q;
            b = B;
        } else {
            if (RELATIVE && floor >= 0 && !(f > floor)) return {INF, 0, 0};
            const double e = y[t] - f, r = RELATIVE ? e / f : e;
            if (!correct<TREND_, SEASON_>(y[t], f, q, B, alpha, beta, gamma, floor, l, b, s)) return {INF, 0, 0};
            sums.squares += r * r;
            ++sums.count;
            if (RELATIVE) {
                product *= std::fabs(f);
                if (!(product > 1e-100 && product < 1e100)) {
                    sums.logarithms += std::log(product);
                    product = 1;
                }
            }
        }
        if (path.season) path.season[t] = s;
        if (SEASON_ != NONE && ++place == m) place = 0;
    }
    if (RELATIVE) sums.logarithms += std::log(product);
    if (SEASON_ != NONE) std::rotate(season, season + place, season + m);
    level = l;
    trend = b;
    return sums;
}

using Pass = Sums (*)(const double*, std::int64_t, const Point&, double, double*, double&, double&, const Path&);

template <bool RELATIVE>
Pass pass_of(const Kind& kind) {
    static constexpr Pass table[3][3] = {
        {pass<RELATIVE, NONE, NONE>, pass<RELATIVE, NONE, ADDITIVE>, pass<RELATIVE, NONE, MULTIPLICATIVE>},
        {pass<RELATIVE, ADDITIVE, NONE>, pass<RELATIVE, ADDITIVE, ADDITIVE>, pass<RELATIVE, ADDITIVE, MULTIPLICATIVE>},
        {pass<RELATIVE, MULTIPLICATIVE, NONE>, pass<RELATIVE, MULTIPLICATIVE, ADDITIVE>, pass<RELATIVE, MULTIPLICATIVE, MULTIPLICATIVE>},
    };
    return table[kind.trend][kind.season];
}

Pass pass_of(const Kind& kind) { return kind.multiplicative_error ? pass_of<true>(kind) : pass_of<false>(kind); }

struct Problem {
    const double* y;
    std::int64_t time;
    Kind kind;
    int season_length;  // 1: none
    double fixed[4];    // alpha, beta, gamma, phi; NaN: to be sought
    double phi_lower, phi_upper;
    Bounds bounds;
    bool estimate_season;  // whether the initial season is sought too
    double prior;          // 1 / tau^2, of the coordinate of beta; 0: none
    double floor;          // of forecasts, or of levels under a multiplicative season; 0 where nothing need be positive
    std::int64_t observations;
    Poll* poll = nullptr;  // of a search
    bool seasonal() const { return season_length > 1; }
    bool sought(int i) const {
        return std::isnan(fixed[i]) && (i == ALPHA || (i == BETA && kind.trend != NONE) || (i == GAMMA && seasonal()) || (i == PHI && kind.damped));
    }
};

// What the search makes small: log S + 2 mean log f, which is -2 log L / n and a constant. A perfect fit is one down to rounding.
double objective(const Problem& problem, const Sums& sums) {
    const double n = static_cast<double>(problem.observations);
    const double value = std::log(std::max(sums.squares, n * EPSILON * EPSILON)) + 2 * sums.logarithms / n;
    return std::isfinite(value) ? value : INF;
}

double loglik(std::int64_t count, const Sums& sums) {
    const double n = static_cast<double>(count), variance = std::max(sums.squares / n, EPSILON * EPSILON);
    return -0.5 * n * (std::log(2 * PI * variance) + 1) - sums.logarithms;
}

// Whether what an observation does to the states dies out: the roots of the characteristic polynomial lie within the unit circle
// (Hyndman, Akram & Archibald 2008; Schur and Cohn's recursion). A part that learns nothing (gamma = 0, beta = 0) is as good as not there.
// A root on the circle is let pass.
bool admissible(int m, double alpha, double beta, double gamma, double phi) {
    if (m == 1 || gamma == 0) {
        if (beta == 0) return alpha >= 0 && alpha <= 2;
        return alpha >= 1 - 1 / phi && alpha <= 1 + 1 / phi && beta >= alpha * (phi - 1) && beta <= (1 + phi) * (2 - alpha);
    }
    std::vector<double> c;  // coefficients, the leading one first
    if (beta == 0) {
        c.assign(m + 1, alpha);
        c[m] = alpha + gamma - 1;
    } else {
        c.assign(m + 2, alpha + beta - alpha * phi);
        c[1] = alpha + beta - phi;
        c[m] = alpha + beta - alpha * phi + gamma - 1;
        c[m + 1] = phi * (1 - alpha - gamma);
    }
    c[0] = 1;
    double shrink = 1;
    for (double& value : c) {
        value *= shrink;
        shrink /= 1 + 1e-8;
    }
    std::vector<double> next(c.size());
    for (std::size_t degree = c.size() - 1; degree > 0; --degree) {
        const double k = c[degree] / c[0];
        if (!(std::fabs(k) < 1)) return false;
        for (std::size_t i = 0; i < degree; ++i) next[i] = c[i] - k * c[degree - i];
        std::copy(next.begin(), next.begin() + degree, c.begin());
    }
    return true;
}

Sums sums_at(const Problem& problem, const Point& point, std::vector<double>& season) {
    if (problem.bounds != USUAL && !admissible(problem.season_length, point.alpha, point.beta, point.gamma, point.phi)) return {INF, 0, 0};
    double level, trend;
    season = point.season;
    return pass_of(problem.kind)(problem.y, problem.time, point, problem.floor, season.data(), level, trend, {});
}

struct Derivatives {  // of the states with respect to every Column; the initial season only where it is sought
    int columns;      // padded
    std::vector<double> level, trend, season, rows, product, cross, mean;
    Derivatives(int season_length, bool initial_season) : columns(padded(SEASON + (initial_season ? season_length : 0))) {
        for (auto* array : {&level, &trend, &cross, &mean}) array->resize(columns);
        season.resize(static_cast<std::size_t>(columns) * season_length);
        rows.resize(static_cast<std::size_t>(columns) * ROWS);
        product.resize(static_cast<std::size_t>(columns) * columns);
    }
    void reset(int season_length, bool initial_season) {
        for (auto* array : {&level, &trend, &season, &product, &cross, &mean}) std::fill(array->begin(), array->end(), 0.0);
        level[LEVEL] = trend[TREND] = 1;
        for (int j = 0; initial_season && j < season_length; ++j) season[static_cast<std::size_t>(j) * columns + SEASON + j] = 1;
    }
};

struct Slopes {  // of one step: how q, B, f, l, b and s move with the states before and with f
    double drift_by_trend, base_by_level, base_by_drift, forecast_by_base, forecast_by_season, level_by_forecast, level_by_season, trend_by_forecast,
        trend_by_season, trend_by_level, season_by_forecast, season_by_base;
    double weight, share, error;  // row = weight df, mean += share df, cross += error row
};

// One step of the derivatives: new derivatives of level, trend and season, and the row of the Jacobian.
INORDER_CLONES void advance(int columns, double* INORDER_RESTRICT level, double* INORDER_RESTRICT trend, double* INORDER_RESTRICT season,
                            double* INORDER_RESTRICT row, double* INORDER_RESTRICT cross, double* INORDER_RESTRICT mean, const Slopes& slopes) {
    const Slopes d = slopes;
    for (int k = 0; k < columns; ++k) {
        const double l = level[k], drift = d.drift_by_trend * trend[k], base = d.base_by_level * l + d.base_by_drift * drift, s = season[k];
        const double forecast = d.forecast_by_base * base + d.forecast_by_season * s, scaled = d.weight * forecast;
        level[k] = base + d.level_by_forecast * forecast + d.level_by_season * s;
        trend[k] = drift + d.trend_by_forecast * forecast + d.trend_by_season * s + d.trend_by_level * l;
        season[k] = s + d.season_by_forecast * forecast + d.season_by_base * base;
        row[k] = scaled;
        cross[k] += d.error * scaled;
        mean[k] += d.share * forecast;
    }
}

// The sums at a point with their derivatives in natural columns: product = J'J and cross = -J'r of the scaled errors G r, both over G^2.
Sums linearise(const Problem& problem, const Point& point, std::vector<double>& season, Derivatives& d) {
    const Kind kind = problem.kind;
    const bool relative = kind.multiplicative_error;
    const int m = problem.season_length, columns = d.columns;
    const double alpha = point.alpha, beta = point.beta, gamma = point.gamma, phi = point.phi;
    d.reset(m, problem.estimate_season && problem.seasonal());
    season = point.season;
    Sums sums;
    double l = point.level, b = point.trend;
    int place = 0, count = 0;
    for (std::int64_t t = 0; t < problem.time; ++t) {
        double& s = season[place];
        double* ds = d.season.data() + static_cast<std::size_t>(place) * columns;
        double* row = d.rows.data() + static_cast<std::size_t>(count) * columns;
        const double y = problem.y[t];
        Slopes by{0, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
        double B = 0, q = l, u = 0, trend_by_beta = 0;
        if (kind.trend == ADDITIVE) {
            B = phi * b;
            q = l + B;
            by.drift_by_trend = phi;
            d.trend[PHI] += b / phi;  // so that drift holds b as well
        } else if (kind.trend == MULTIPLICATIVE) {
            B = std::pow(b, phi);
            q = l * B;
            by.drift_by_trend = phi * B / b;
            by.base_by_level = B;
            by.base_by_drift = l;
            d.trend[PHI] += b * std::log(b) / phi;
        }
        const double f = kind.season == NONE ? q : kind.season == ADDITIVE ? q + s : q * s;
        if (kind.season != NONE) {
            by.forecast_by_base = kind.season == ADDITIVE ? 1 : s;
            by.forecast_by_season = kind.season == ADDITIVE ? 1 : q;
        }
        if (std::isnan(y)) {
            advance(columns, d.level.data(), d.trend.data(), ds, row, d.cross.data(), d.mean.data(), by);
            l = q;
            b = B;
        } else {
            const double e = y - f, r = relative ? e / f : e;
            sums.squares += r * r;
            if (relative) sums.logarithms += std::log(std::fabs(f));
            ++sums.count;
            by.weight = relative ? y / (f * f) : 1;
            by.share = relative ? 1 / f : 0;
            by.error = r;
            const double part = kind.season == MULTIPLICATIVE ? 1 / s : 1, growth = kind.trend == MULTIPLICATIVE ? 1 / l : 1;
            u = e * part;
            by.level_by_forecast = -alpha * part;
            if (kind.season == MULTIPLICATIVE) by.level_by_season = -alpha * u * part;
            if (kind.trend != NONE) {
                by.trend_by_forecast = -beta * part * growth;
                if (kind.season == MULTIPLICATIVE) by.trend_by_season = -beta * u * part * growth;
                if (kind.trend == MULTIPLICATIVE) by.trend_by_level = -beta * u * growth * growth;
                trend_by_beta = u * growth;
            }
            double season_by_gamma = 0;
            if (kind.season == ADDITIVE) {
                by.season_by_forecast = -gamma;
                season_by_gamma = e;
            } else if (kind.season == MULTIPLICATIVE) {
                by.season_by_forecast = -gamma / q;
                by.season_by_base = -gamma * e / (q * q);
                season_by_gamma = e / q;
            }
            advance(columns, d.level.data(), d.trend.data(), ds, row, d.cross.data(), d.mean.data(), by);
            d.level[ALPHA] += u;
            d.trend[BETA] += trend_by_beta;
            ds[GAMMA] += season_by_gamma;
            l = q + alpha * u;
            b = B + beta * trend_by_beta;
            s += gamma * season_by_gamma;
            if (++count == ROWS) {
                accumulate(d.rows.data(), count, columns, d.product.data());
                count = 0;
            }
        }
        if (++place == m) place = 0;
    }
    accumulate(d.rows.data(), count, columns, d.product.data());
    if (relative) {  // d(G r) = G (dr + r g)
        const double n = static_cast<double>(sums.count);
        for (double& value : d.mean) value /= n;
        for (int i = 0; i < columns; ++i) {
            for (int j = i; j < columns; ++j) {
                d.product[static_cast<std::size_t>(i) * columns + j] += sums.squares * d.mean[i] * d.mean[j] - d.cross[i] * d.mean[j] - d.mean[i] * d.cross[j];
            }
        }
        for (int i = 0; i < columns; ++i) d.cross[i] -= sums.squares * d.mean[i];
    }
    return sums;
}

Point start_of(const Problem& problem) {
    const Kind& kind = problem.kind;
    InitialStates initial = initial_states(problem.y, problem.time, problem.season_length, kind.season == MULTIPLICATIVE, problem.floor);
    Point point;
    point.level = initial.level;
    point.trend = kind.trend == ADDITIVE ? initial.slope : 0;
    point.season = std::move(initial.season);
    if (kind.trend == MULTIPLICATIVE) point.trend = initial.middle > 0 ? std::clamp(1 + initial.slope / initial.middle, 0.5, 2.0) : 1;
    if (kind.positive() && !(point.level > problem.floor)) point.level = std::max(initial.middle, 2 * problem.floor);
    if (kind.trend == NONE) point.level = initial.level + initial.slope;
    if (kind.positive() && !(point.level > problem.floor)) point.level = 2 * problem.floor;
    return point;
}

struct Start {
    double value;
    std::vector<double> z;
};

// What is sought: some of alpha, beta, gamma and phi, and the initial states. The last season place follows from the others, since the
// seasons sum to 0 (multiplicative: to their number). In the usual region beta is sought as a share of alpha and gamma as one of 1 - alpha.
class Search {
   public:
    explicit Search(const Problem& problem)
        : problem_(problem), initial_(start_of(problem)), derivatives_(problem.season_length, problem.estimate_season && problem.seasonal()),
          shares_(problem.bounds != ADMISSIBLE) {
        const double beta = given(BETA), gamma = given(GAMMA);
        if (problem.sought(ALPHA)) shares_ ? add(ALPHA, beta, 1 - gamma) : add(ALPHA, 0, 3);
        if (problem.sought(BETA)) shares_ ? add(BETA, 0, 1) : add(BETA, 0, 4);
        if (problem.sought(GAMMA)) shares_ ? add(GAMMA, 0, 1) : add(GAMMA, 0, 3);
        if (problem.sought(PHI)) add(PHI, problem.phi_lower, problem.phi_upper);
        weights_ = static_cast<int>(kinds_.size());
        add(LEVEL, -INF, INF);
        if (problem.kind.trend != NONE) add(TREND, -INF, INF);
        for (int j = 0; problem.seasonal() && problem.estimate_season && j + 1 < problem.season_length; ++j) add(SEASON + j, -INF, INF);
    }

    // The best point found, and its objective. `before`: solutions of smaller models of the same season, which may be good starts.
    std::pair<Point, double> best(const std::vector<Point>& before) {
        std::vector<Start> starts = grid();
        const std::vector<double> still = starts[0].z;
        std::stable_sort(starts.begin(), starts.end(), lower);
        keep_different(starts, still);
        Start warm{INF, {}};
        for (const Point& point : before) {
            Start start{0, coordinates(point)};
            start.value = value(start.z);
            if (start.value < warm.value) warm = std::move(start);
        }
        if (warm.value < INF) starts.push_back(std::move(warm));
        first_steps(starts);
        std::stable_sort(starts.begin(), starts.end(), lower);
        if (starts.size() > FINALISTS) starts.resize(FINALISTS);
        std::vector<std::vector<double>> ends;
        for (Start& start : starts) {
            descend(start, STEPS, false, ends);
            ends.push_back(start.z);
        }
        std::stable_sort(starts.begin(), starts.end(), lower);
        polish(starts[0]);
        return {point(starts[0].z), starts[0].value};
    }

   private:
    static bool lower(const Start& a, const Start& b) { return a.value < b.value; }

    double given(int i) const { return std::isnan(problem_.fixed[i]) ? 0 : problem_.fixed[i]; }

    void add(int kind, double lower, double upper) {
        kinds_.push_back(kind);
        lower_.push_back(lower);
        upper_.push_back(upper);
    }

    Point point(const std::vector<double>& z) const {
        Point p = initial_;
        double weights[4] = {given(ALPHA), given(BETA), given(GAMMA), problem_.kind.damped ? given(PHI) : 1};
        double sum = 0;
        for (std::size_t i = 0; i < z.size(); ++i) {
            if (kinds_[i] < LEVEL) weights[kinds_[i]] = z[i];
            if (kinds_[i] == LEVEL) p.level = z[i];
            if (kinds_[i] == TREND) p.trend = z[i];
            if (kinds_[i] >= SEASON) sum += p.season[kinds_[i] - SEASON] = z[i];
        }
        if (problem_.estimate_season && problem_.seasonal()) p.season.back() = (problem_.kind.season == MULTIPLICATIVE ? problem_.season_length : 0) - sum;
        p.alpha = weights[ALPHA];
        p.beta = shares_ && problem_.sought(BETA) ? weights[BETA] * p.alpha : weights[BETA];
        p.gamma = shares_ && problem_.sought(GAMMA) ? weights[GAMMA] * (1 - p.alpha) : weights[GAMMA];
        p.phi = weights[PHI];
        return p;
    }

    // The nearest z of a point, which may be one of another model: a trend that it has not begins flat.
    std::vector<double> coordinates(const Point& p) const {
        std::vector<double> z(kinds_.size());
        const bool grows = problem_.kind.trend == MULTIPLICATIVE;
        for (std::size_t i = 0; i < z.size(); ++i) {
            const int kind = kinds_[i];
            double value = kind == ALPHA ? p.alpha : kind == BETA ? p.beta : kind == GAMMA ? p.gamma : kind == PHI ? p.phi : kind == LEVEL ? p.level : p.trend;
            if (shares_ && kind == BETA) value = p.alpha > 0 ? p.beta / p.alpha : 0;
            if (shares_ && kind == GAMMA) value = p.alpha < 1 ? p.gamma / (1 - p.alpha) : 0;
            if (kind == TREND && grows && !(value > 0)) value = 1;
            if (kind >= SEASON) value = p.season[kind - SEASON];
            z[i] = std::clamp(value, lower_[i], upper_[i]);
        }
        return z;
    }

    double value(const std::vector<double>& z) {
        if (problem_.poll) (*problem_.poll)();
        double penalty = 0;
        for (int i = 0; i < weights_; ++i) {
            if (kinds_[i] == BETA) penalty = problem_.prior * z[i] * z[i] / static_cast<double>(problem_.observations);
        }
        return objective(problem_, sums_at(problem_, point(z), season_)) + penalty;
    }

    // Coarse weights with the initial states as they are.
    std::vector<Start> grid() {
        static const std::vector<double> values[4] = {{0.005, 0.05, 0.2, 0.5, 0.9}, {0.01, 0.1, 0.5}, {0.01, 0.3, 0.7}, {0.9, 0.98}};
        std::size_t count = 1;
        for (int i = 0; i < weights_; ++i) count *= values[kinds_[i]].size();
        std::vector<Start> starts;
        std::vector<double> z = coordinates(initial_);
        for (std::size_t g = 0; g < count; ++g) {
            std::size_t rest = g;
            double alpha = given(ALPHA);
            for (int i = weights_ - 1; i >= 0; --i) {
                const auto& choices = values[kinds_[i]];
                z[i] = std::clamp(choices[rest % choices.size()], lower_[i], upper_[i]);
                if (kinds_[i] == ALPHA) alpha = z[i];
                rest /= choices.size();
            }
            Start start{0, z};
            for (int i = 0; !shares_ && i < weights_; ++i) {
                if (kinds_[i] == BETA) start.z[i] *= alpha;
                if (kinds_[i] == GAMMA) start.z[i] *= 1 - alpha;
            }
            start.value = value(start.z);
            starts.push_back(std::move(start));
        }
        return starts;
    }

    // The best grid points that differ in alpha or gamma: between learning by the level and learning by the season lie valleys. The one that
    // hardly learns at all is always among them, since it looks bad until the initial states are right.
    void keep_different(std::vector<Start>& starts, const std::vector<double>& still) const {
        std::vector<Start> kept;
        const auto same = [&](const std::vector<double>& z, const std::vector<double>& other) {
            for (int i = 0; i < weights_; ++i) {
                if ((kinds_[i] == ALPHA || kinds_[i] == GAMMA) && z[i] != other[i]) return false;
            }
            return true;
        };
        for (Start& start : starts) {
            const bool seen = std::any_of(kept.begin(), kept.end(), [&](const Start& other) { return same(other.z, start.z); });
            if (!seen && (kept.size() < STARTS || same(start.z, still))) kept.push_back(std::move(start));
        }
        starts = std::move(kept);
    }

    // A few steps from each start. With a long season its initial places, most of the work, wait until the finalists are known.
    void first_steps(std::vector<Start>& starts) {
        if (!problem_.seasonal() || !problem_.estimate_season || problem_.season_length < LONG_SEASON) {
            for (Start& start : starts) descend(start, FIRST_STEPS, true);
            return;
        }
        Problem held = problem_;
        held.estimate_season = false;
        Search search(held);
        for (Start& start : starts) {
            search.initial_ = point(start.z);
            Start rough{start.value, std::vector<double>(start.z.begin(), start.z.begin() + static_cast<std::ptrdiff_t>(search.kinds_.size()))};
            search.descend(rough, FIRST_STEPS, true);
            std::copy(rough.z.begin(), rough.z.end(), start.z.begin());
            start.value = rough.value;
        }
    }

    // Whether the weights of z are those of an end that was reached before, so that going on would lead there again.
    bool known(const std::vector<double>& z, const std::vector<std::vector<double>>& ends) const {
        return std::any_of(ends.begin(), ends.end(), [&](const std::vector<double>& end) {
            for (int i = 0; i < weights_; ++i) {
                if (std::fabs(z[i] - end[i]) > SAME_VALLEY) return false;
            }
            return weights_ > 0;
        });
    }

    // Levenberg-Marquardt from a start, in place.   states_first: the weights wait for one step, so that a poor initial state does not lead them astray.
    void descend(Start& start, int steps, bool states_first, const std::vector<std::vector<double>>& ends = {}) {
        const int p = static_cast<int>(start.z.size());
        const double n = static_cast<double>(problem_.observations);
        if (p == 0 || !std::isfinite(start.value)) return;
        std::vector<double> trial(p);
        double damping = 1e-3;
        int idle = 0;
        for (int step = 0; step < steps && idle < 2 && !known(start.z, ends); ++step) {
            const Sums sums = linearise(problem_, point(start.z), season_, derivatives_);
            if (!(sums.squares > n * EPSILON * EPSILON)) return;  // a perfect fit
            reduce(start.z, sums.squares);
            for (; damping < 1e12; damping *= 8) {
                const double reached = propose(start.z, damping, states_first && step == 0, trial);
                if (std::isnan(reached)) return;
                if (reached < start.value) {
                    idle = reached < start.value - ENOUGH ? 0 : idle + 1;
                    start.value = reached;
                    start.z = trial;
                    break;
                }
            }
            if (damping >= 1e12) return;
            damping = std::max(damping / 16, 1e-9);
        }
    }

    // Undamped steps from a top, as far as the objective does not feel them: near a top it is flat, and rounding hides the last digits of z.
    void polish(Start& start) {
        std::vector<double> trial(start.z.size());
        for (int step = 0; step < LAST_STEPS && std::isfinite(start.value); ++step) {
            const Sums sums = linearise(problem_, point(start.z), season_, derivatives_);
            if (!(sums.squares > static_cast<double>(problem_.observations) * EPSILON * EPSILON)) return;
            reduce(start.z, sums.squares);
            const double reached = propose(start.z, 0, false, trial);
            if (!(reached <= start.value + ROUNDING)) return;
            start.value = reached;
            start.z = trial;
        }
    }

    // The objective at a damped step from z; NaN where no coordinate may move. Where the step would leave the admissible region, which is no
    // box, the weights are held one by one, then together, so that the others may slide along its edge.
    double propose(const std::vector<double>& z, double damping, bool states_alone, std::vector<double>& trial) {
        double reached = NAN;
        for (int hold = states_alone ? weights_ : -1; hold <= weights_; ++hold) {  // -1: none, weights_: all
            lower_held_ = lower_;
            upper_held_ = upper_;
            for (int i = 0; i < weights_; ++i) {
                if (hold == i || hold == weights_) lower_held_[i] = upper_held_[i] = z[i];
            }
            if (box_.propose(normal_, slope_, lower_held_, upper_held_, z, damping, trial)) reached = value(trial);
            if (reached < INF || problem_.bounds == USUAL) break;
        }
        return reached;
    }

    // From natural columns to those of z, with the prior's part.
    void reduce(const std::vector<double>& z, double squares) {
        const int p = static_cast<int>(z.size()), columns = derivatives_.columns, last = SEASON + problem_.season_length - 1;
        terms_.assign(p, {});
        const double alpha = point(z).alpha;
        for (int i = 0; i < p; ++i) {
            Term* t = terms_[i].data();
            t[0] = {kinds_[i], 1};
            if (kinds_[i] >= SEASON) t[1] = {last, -1};
            if (!shares_ || kinds_[i] >= PHI) continue;
            if (kinds_[i] == BETA) t[0].times = alpha;
            if (kinds_[i] == GAMMA) t[0].times = 1 - alpha;
            for (int j = 0; kinds_[i] == ALPHA && j < weights_; ++j) {
                if (kinds_[j] == BETA) t[1] = {BETA, z[j]};
                if (kinds_[j] == GAMMA) t[2] = {GAMMA, -z[j]};
            }
        }
        const auto& product = derivatives_.product;
        const auto at = [&](int i, int j) { return product[static_cast<std::size_t>(std::min(i, j)) * columns + std::max(i, j)]; };
        normal_.resize(static_cast<std::size_t>(p) * p);
        slope_.resize(p);
        for (int i = 0; i < p; ++i) {
            slope_[i] = 0;
            for (const Term& a : terms_[i]) {
                if (a.times != 0) slope_[i] += a.times * derivatives_.cross[a.column];
            }
            for (int j = i; j < p; ++j) {
                double sum = 0;
                for (const Term& a : terms_[i]) {
                    if (a.times == 0) continue;
                    for (const Term& b : terms_[j]) {
                        if (b.times != 0) sum += a.times * b.times * at(a.column, b.column);
                    }
                }
                normal_[static_cast<std::size_t>(i) * p + j] = sum;
            }
            if (kinds_[i] == BETA) {
                const double ridge = problem_.prior * squares / static_cast<double>(problem_.observations);
                normal_[static_cast<std::size_t>(i) * p + i] += ridge;
                slope_[i] -= ridge * z[i];
            }
        }
    }

    struct Term {
        int column = 0;
        double times = 0;
    };
    const Problem& problem_;
    Point initial_;
    Derivatives derivatives_;
    bool shares_;
    BoxStep box_;
    std::vector<int> kinds_;
    std::vector<double> lower_, upper_, lower_held_, upper_held_, season_, normal_, slope_;
    std::vector<std::array<Term, 3>> terms_;
    int weights_ = 0;  // how many of z are weights; the rest are initial states
};

template <typename T>
using Array = nb::ndarray<T, nb::c_contig, nb::device::cpu>;

Kind kind_of(const std::int64_t* row) { return {row[0] == MULTIPLICATIVE, static_cast<Part>(row[1]), row[2] != 0, static_cast<Part>(row[3])}; }

Point point_of(const double* weights, double level, double trend, const double* season, std::size_t m) {
    Point point{weights[0], weights[1], weights[2], weights[3], level, trend, {}};
    point.season.assign(season, season + m);
    return point;
}

// kinds: (models, 4) error, trend, damped, season.   Out: one row for each model.
void ets_search(Array<const double> values, Array<const std::int64_t> kinds, std::int64_t season_length, Array<const double> fixed, double phi_lower,
                double phi_upper, std::int64_t bounds, bool estimate_season, double prior, Array<double> weights, Array<double> level, Array<double> trend,
                Array<double> season, Array<double> logliks, Array<double> squares) {
    const std::int64_t models = static_cast<std::int64_t>(kinds.shape(0)), time = static_cast<std::int64_t>(values.shape(0)), m = season_length;
    const double *y = values.data(), *given = fixed.data();
    std::int64_t observations = 0;
    for (std::int64_t t = 0; t < time; ++t) observations += !std::isnan(y[t]);
    const double floor = LOWEST_BASE * smallest_of(y, y + time);
    const Flush flush;
    Poll poll;
    std::vector<std::pair<Kind, Point>> found;
    for (std::int64_t i = 0; i < models; ++i) {
        const Kind kind = kind_of(kinds.data() + 4 * i);
        const Problem problem{y, time, kind, kind.season == NONE ? 1 : static_cast<int>(m), {given[0], given[1], given[2], given[3]}, phi_lower, phi_upper,
                              static_cast<Bounds>(bounds), estimate_season, prior, kind.positive() ? floor : 0, observations, &poll};
        std::vector<Point> before;
        for (const auto& [other, point] : found) {
            if (other.season == kind.season && (other.trend == NONE || other.trend == kind.trend)) before.push_back(point);
        }
        if (problem.bounds == ADMISSIBLE) {  // the usual region is a good place to start from
            Problem usual = problem;
            usual.bounds = BOTH;
            for (int j = 0; j < 3; ++j) {
                if (!(given[j] >= 0 && given[j] <= 1)) usual.fixed[j] = NAN;
            }
            before.push_back(Search(usual).best(before).first);
        }
        const auto [point, value] = Search(problem).best(before);
        std::vector<double> work;
        const Sums sums = std::isfinite(value) ? sums_at(problem, point, work) : Sums{INF, 0, observations};
        if (std::isfinite(value)) found.emplace_back(kind, point);
        const double numbers[4] = {point.alpha, point.beta, point.gamma, point.phi};
        std::copy(numbers, numbers + 4, weights.data() + 4 * i);
        level.data()[i] = point.level;
        trend.data()[i] = point.trend;
        std::fill(season.data() + i * m, season.data() + (i + 1) * m, kind.season == MULTIPLICATIVE ? 1.0 : 0.0);
        if (kind.season != NONE) std::copy(point.season.begin(), point.season.end(), season.data() + i * m);
        logliks.data()[i] = std::isfinite(value) ? loglik(observations, sums) : -INF;
        squares.data()[i] = sums.squares;
    }
}

// path: (4, time) forecast, level and trend before, the season's place after.   Out: states[0] = level, states[1] = trend, season;
// sums = squared errors, sum of log |f|, log-likelihood.
void ets_run(Array<const double> values, Array<const std::int64_t> kinds, Array<const double> weights, double level, double trend, Array<const double> season,
             Array<double> path, Array<double> states, Array<double> last_season, Array<double> sums) {
    const std::int64_t time = static_cast<std::int64_t>(values.shape(0));
    const Kind kind = kind_of(kinds.data());
    const Point point = point_of(weights.data(), level, trend, season.data(), season.shape(0));
    std::copy(point.season.begin(), point.season.end(), last_season.data());
    double* p = path.data();
    const Sums found = pass_of(kind)(values.data(), time, point, -1, last_season.data(), states.data()[0], states.data()[1],
                                     {p, p + time, p + 2 * time, p + 3 * time});
    sums.data()[0] = found.squares;
    sums.data()[1] = found.logarithms;
    sums.data()[2] = loglik(found.count, found);
}

// The derivatives of the log-likelihood with respect to alpha, beta, gamma, phi, level, trend and the season's places: exact ones.
void gradient_of(const Problem& problem, const Point& point, std::vector<double>& season, Derivatives& d, double* gradient) {
    const Sums sums = linearise(problem, point, season, d);
    const double factor = static_cast<double>(sums.count) / sums.squares;
    for (int i = 0; i < SEASON + problem.season_length; ++i) gradient[i] = factor * d.cross[i];
}

Problem given_problem(const double* y, std::int64_t time, const Kind& kind, std::size_t m) {
    return {y, time, kind, static_cast<int>(m), {0, 0, 0, 0}, 0, 0, USUAL, true, 0, 0, 0};
}

void ets_gradient(Array<const double> values, Array<const std::int64_t> kinds, Array<const double> weights, double level, double trend,
                  Array<const double> season, Array<double> gradient) {
    const Kind kind = kind_of(kinds.data());
    const Point point = point_of(weights.data(), level, trend, season.data(), season.shape(0));
    const Problem problem = given_problem(values.data(), static_cast<std::int64_t>(values.shape(0)), kind, season.shape(0));
    Derivatives d(problem.season_length, true);
    std::vector<double> work(point.season.size());
    gradient_of(problem, point, work, d, gradient.data());
}

// Second derivatives of the log-likelihood by central differences of the exact gradient, `steps` wide; columns whose step is 0 are left at 0.
void ets_hessian(Array<const double> values, Array<const std::int64_t> kinds, Array<const double> weights, double level, double trend,
                 Array<const double> season, Array<const double> steps, Array<double> hessian) {
    const Kind kind = kind_of(kinds.data());
    const Point point = point_of(weights.data(), level, trend, season.data(), season.shape(0));
    const Problem problem = given_problem(values.data(), static_cast<std::int64_t>(values.shape(0)), kind, season.shape(0));
    const int size = SEASON + problem.season_length;
    Derivatives d(problem.season_length, true);
    std::vector<double> work(point.season.size()), ahead(size), behind(size);
    const Flush flush;
    Poll poll;
    for (int i = 0; i < size; ++i) {
        poll();
        double* row = hessian.data() + static_cast<std::size_t>(i) * size;
        const double h = steps.data()[i];
        std::fill(row, row + size, 0.0);
        if (h == 0) continue;
        for (const double sign : {1.0, -1.0}) {
            Point moved = point;
            double* const numbers[] = {&moved.alpha, &moved.beta, &moved.gamma, &moved.phi, &moved.level, &moved.trend};
            (i < SEASON ? *numbers[i] : moved.season[i - SEASON]) += sign * h;
            gradient_of(problem, moved, work, d, sign > 0 ? ahead.data() : behind.data());
        }
        for (int j = 0; j < size; ++j) row[j] = (ahead[j] - behind[j]) / (2 * h);
    }
}

template <Part TREND_, Part SEASON_>
void paths_of(const Kind& kind, const Point& point, const double* innovations, std::int64_t paths, std::int64_t horizon, double* out) {
    const std::int64_t m = static_cast<std::int64_t>(point.season.size());
    std::vector<double> season(m);
    for (std::int64_t i = 0; i < paths; ++i) {
        std::copy(point.season.begin(), point.season.end(), season.begin());
        double l = point.level, b = point.trend;
        for (std::int64_t h = 0; h < horizon; ++h) {
            double& s = season[h % m];
            const double B = TREND_ == NONE ? 0 : TREND_ == ADDITIVE ? point.phi * b : std::pow(b, point.phi);
            const double q = TREND_ == NONE ? l : TREND_ == ADDITIVE ? l + B : l * B;
            const double f = SEASON_ == NONE ? q : SEASON_ == ADDITIVE ? q + s : q * s;
            const double r = innovations[i * horizon + h], y = kind.multiplicative_error ? f * (1 + r) : f + r;
            out[i * horizon + h] = y;
            correct<TREND_, SEASON_>(y, f, q, B, point.alpha, point.beta, point.gamma, -1, l, b, s);
        }
    }
}

// innovations, out: (paths, horizon).
void ets_simulate(Array<const std::int64_t> kinds, Array<const double> weights, double level, double trend, Array<const double> season,
                  Array<const double> innovations, Array<double> out) {
    const Kind kind = kind_of(kinds.data());
    const Point point = point_of(weights.data(), level, trend, season.data(), season.shape(0));
    static constexpr decltype(&paths_of<NONE, NONE>) table[3][3] = {
        {paths_of<NONE, NONE>, paths_of<NONE, ADDITIVE>, paths_of<NONE, MULTIPLICATIVE>},
        {paths_of<ADDITIVE, NONE>, paths_of<ADDITIVE, ADDITIVE>, paths_of<ADDITIVE, MULTIPLICATIVE>},
        {paths_of<MULTIPLICATIVE, NONE>, paths_of<MULTIPLICATIVE, ADDITIVE>, paths_of<MULTIPLICATIVE, MULTIPLICATIVE>},
    };
    table[kind.trend][kind.season](kind, point, innovations.data(), static_cast<std::int64_t>(innovations.shape(0)),
                                   static_cast<std::int64_t>(innovations.shape(1)), out.data());
}

bool ets_admissible(std::int64_t season_length, Array<const double> weights) {
    const double* w = weights.data();
    return admissible(static_cast<int>(season_length), w[0], w[1], w[2], w[3]);
}

}  // namespace

void bind_ets(nb::module_& m) {
    const nb::call_guard<nb::gil_scoped_release> unlocked;
    m.def("ets_search", &ets_search, unlocked);
    m.def("ets_run", &ets_run, unlocked);
    m.def("ets_gradient", &ets_gradient, unlocked);
    m.def("ets_hessian", &ets_hessian, unlocked);
    m.def("ets_simulate", &ets_simulate, unlocked);
    m.def("ets_admissible", &ets_admissible, unlocked);
}

}  // namespace inorder
