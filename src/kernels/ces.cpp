// Complex exponential smoothing: the recursion, forecasts, and the search for its parameters.
//
//     f = l + s                                     forecast of y; l of a model with a level, s of one with a season
//     e = y - f
//     (l, c) <- (l - (1 - a1) c + (a0 - a1) e,  l + (1 - a0) c + (a0 + a1) e)
//     (s, z) <- the same with b0, b1                for this place of the season, one season later       (a pair)
//      s     <- s + b0 e                                                                                 (an offset)
//
// Kinds: NONE has the level alone, SIMPLE the pairs alone (b = a), PARTIAL a level and offsets, FULL a level and pairs.
// A missing observation (NaN) counts as its forecast: e = 0.
//
// The state before the first row comes from the series itself: a rough state goes forward through all rows, back through them, and is then
// where the pass that counts begins. The sum of squared errors of that pass is minimised by damped Gauss-Newton steps; derivatives are
// exact, carried along all three passes. Parameters stay where errors long past are forgotten: the roots of the characteristic
// polynomial of the states' recursion on y lie inside the unit circle, by the Schur-Cohn recursion.
// The twin in Python is inorder/textbook/ces.py.

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

enum Kind { NONE, SIMPLE, PARTIAL, FULL };
constexpr double INF = std::numeric_limits<double>::infinity();
constexpr int COLUMNS = 4;        // derivatives by a0, a1, b0, b1
constexpr int STARTS = 4;         // that are followed for FIRST_STEPS steps
constexpr int FINALISTS = 2;      // that are followed to the end
constexpr int FIRST_STEPS = 6;
constexpr int STEPS = 100;
constexpr int IDLE = 2;           // steps of no gain that end a search
constexpr double LEAST = 1e-6;    // damping
constexpr double ENOUGH = 1e-8;   // a smaller relative gain counts as none
constexpr double SAME = 1e-3;     // starts that come this close together are one
constexpr double MOST = 2;        // a0

struct Model {
    int kind;
    std::int64_t m;  // places of the season, 1 without one
    double weights[COLUMNS];  // a0, a1, b0, b1
    bool level() const { return kind != SIMPLE; }
    bool season() const { return kind != NONE; }
    bool pairs() const { return kind == SIMPLE || kind == FULL; }
};

struct State {
    double l = 0, c = 0;
    std::vector<double> s, z;  // by place
};

template <int KIND>
inline double forecast_of(double l, double s) {
    return KIND == NONE ? l : KIND == SIMPLE ? s : l + s;
}

template <int KIND>
inline void move(const Model& model, double& l, double& c, double& s, double& z, double e) {
    const double a0 = model.weights[0], a1 = model.weights[1], b0 = model.weights[2], b1 = model.weights[3];
    if (KIND != SIMPLE) {
        const double next = l - (1 - a1) * c + (a0 - a1) * e;
        c = l + (1 - a0) * c + (a0 + a1) * e;
        l = next;
    }
    if (KIND == SIMPLE || KIND == FULL) {
        const double next = s - (1 - b1) * z + (b0 - b1) * e;
        z = s + (1 - b0) * z + (b0 + b1) * e;
        s = next;
    }
    if (KIND == PARTIAL) s += b0 * e;
}

// One pass over rows first, first + direction, ...; the place of a row is its number mod m. Returns the sum of squared errors.
template <int KIND>
double pass(const Model& model, const double* y, std::int64_t time, std::int64_t from, bool backward, State& state, double* fitted) {
    double l = state.l, c = state.c, sum = 0, none_s = 0, none_z = 0;
    std::int64_t place = backward ? (from + time - 1) % model.m : from % model.m;
    for (std::int64_t i = 0; i < time; ++i) {
        const std::int64_t t = backward ? time - 1 - i : i;
        double& s = KIND == NONE ? none_s : state.s[place];
        double& z = KIND == SIMPLE || KIND == FULL ? state.z[place] : none_z;
        const double f = forecast_of<KIND>(l, s), e = std::isnan(y[t]) ? 0 : y[t] - f;
        if (fitted) fitted[t] = f;
        sum += e * e;
        move<KIND>(model, l, c, s, z, e);
        if (KIND != NONE) place = backward ? (place == 0 ? model.m - 1 : place - 1) : (place + 1 == model.m ? 0 : place + 1);
    }
    state.l = l;
    state.c = c;
    return sum;
}

double any_pass(const Model& model, const double* y, std::int64_t time, std::int64_t from, bool backward, State& state, double* fitted) {
    switch (model.kind) {
        case NONE: return pass<NONE>(model, y, time, from, backward, state, fitted);
        case SIMPLE: return pass<SIMPLE>(model, y, time, from, backward, state, fitted);
        case PARTIAL: return pass<PARTIAL>(model, y, time, from, backward, state, fitted);
        default: return pass<FULL>(model, y, time, from, backward, state, fitted);
    }
}

struct Problem {
    const double* y;
    std::int64_t time;
    int kind;
    std::int64_t m;
    State rough;  // where the first pass begins
    double fixed[COLUMNS];  // NaN: sought
    double radius;          // in which the roots must lie
};

Model model_of(const Problem& problem, const double* weights) {
    Model model{problem.kind, problem.m, {weights[0], weights[1], weights[2], weights[3]}};
    return model;
}

// The sum of squared errors; `first` is the state that the pass that counts begins with.
double error_sum(const Problem& problem, const double* weights, State& first) {
    const Model model = model_of(problem, weights);
    first = problem.rough;
    any_pass(model, problem.y, problem.time, 0, false, first, nullptr);
    any_pass(model, problem.y, problem.time, 0, true, first, nullptr);
    State last = first;
    const double sum = any_pass(model, problem.y, problem.time, 0, false, last, nullptr);
    return std::isfinite(sum) ? sum : INF;
}

// --- stability: 1 - (response of the forecasts to errors), as a polynomial in z, has its roots inside a circle ---

// Schur and Cohn: p(z) = p[0] + p[1] z + ... + p[d] z^d has all roots inside the unit circle.
bool roots_inside(std::vector<double> p) {
    std::vector<double> next(p.size());
    for (std::size_t d = p.size() - 1; d > 0; --d) {
        if (!(std::abs(p[0]) < std::abs(p[d]))) return false;
        const double ratio = p[0] / p[d];
        for (std::size_t i = 0; i < d; ++i) next[i] = p[i + 1] - ratio * p[d - 1 - i];
        std::swap(p, next);
        const double size = 1 / std::abs(p[d - 1]);
        for (std::size_t i = 0; i < d; ++i) p[i] *= size;
    }
    return true;
}

bool stable(const Problem& problem, const double* w) {
    const std::int64_t m = problem.m;
    // z^2 - trace z + determinant of the states' own matrix (own) and of the one that takes y in (with)
    const auto own = [](double a0, double a1, double* p) { p[0] = 2 - a0 - a1, p[1] = a0 - 2, p[2] = 1; };
    const auto with = [](double a0, double a1, double* p) { p[0] = 2 - 3 * a0 + a0 * a0 - a1 + a1 * a1, p[1] = 2 * a0 - a1 - 2, p[2] = 1; };
    double own_level[3], with_level[3], own_season[3], with_season[3];
    own(w[0], w[1], own_level);
    with(w[0], w[1], with_level);
    own(w[2], w[3], own_season);
    with(w[2], w[3], with_season);
    std::vector<double> p;
    if (problem.kind == NONE || problem.kind == SIMPLE) {
        const double* small = problem.kind == NONE ? with_level : with_season;
        p.assign(small, small + 3);
        const double radius = problem.kind == NONE ? problem.radius : std::pow(problem.radius, static_cast<double>(m));
        for (int i = 0; i < 3; ++i) p[i] *= std::pow(radius, i);
        return roots_inside(p);
    }
    if (problem.kind == PARTIAL) {  // with(z) (z^m - 1) + b0 own(z)
        p.assign(m + 3, 0);
        for (int i = 0; i < 3; ++i) {
            p[m + i] += with_level[i];
            p[i] += w[2] * own_level[i] - with_level[i];
        }
    } else {  // with_level(z) own_season(z^m) + (with_season(z^m) - own_season(z^m)) own_level(z)
        p.assign(2 * m + 3, 0);
        for (int j = 0; j < 3; ++j) {
            for (int i = 0; i < 3; ++i) p[j * m + i] += with_level[i] * own_season[j] + own_level[i] * (with_season[j] - own_season[j]);
        }
    }
    double power = 1;
    for (double& coefficient : p) {
        coefficient *= power;
        power *= problem.radius;
    }
    return roots_inside(p);
}

// --- derivatives ---

struct Tangents {  // of the states by the weights
    double l[COLUMNS] = {0}, c[COLUMNS] = {0};
    std::vector<double> s, z;  // (places, COLUMNS)
};

template <int KIND>
double linear_pass(const Model& model, const double* y, std::int64_t time, bool backward, State& state, Tangents& d, double* product, double* slope) {
    const double a0 = model.weights[0], a1 = model.weights[1], b0 = model.weights[2], b1 = model.weights[3];
    double sum = 0, none[COLUMNS] = {0}, none_s = 0, none_z = 0;
    std::int64_t place = backward ? (time - 1) % model.m : 0;
    for (std::int64_t i = 0; i < time; ++i) {
        const std::int64_t t = backward ? time - 1 - i : i;
        double& s = KIND == NONE ? none_s : state.s[place];
        double& z = KIND == SIMPLE || KIND == FULL ? state.z[place] : none_z;
        double* ds = KIND == NONE ? none : d.s.data() + place * COLUMNS;
        double* dz = KIND == SIMPLE || KIND == FULL ? d.z.data() + place * COLUMNS : none;
        const double f = forecast_of<KIND>(state.l, s);
        const bool missing = std::isnan(y[t]);
        const double e = missing ? 0 : y[t] - f;
        double df[COLUMNS], de[COLUMNS];
        for (int k = 0; k < COLUMNS; ++k) {
            df[k] = KIND == NONE ? d.l[k] : KIND == SIMPLE ? ds[k] : d.l[k] + ds[k];
            de[k] = missing ? 0 : -df[k];
        }
        if (product && !missing) {
            sum += e * e;
            for (int k = 0; k < COLUMNS; ++k) {
                slope[k] += df[k] * e;
                for (int j = 0; j < COLUMNS; ++j) product[k * COLUMNS + j] += df[k] * df[j];
            }
        }
        if (KIND != SIMPLE) {
            const double c = state.c;
            for (int k = 0; k < COLUMNS; ++k) {
                const double next = d.l[k] - (1 - a1) * d.c[k] + (a0 - a1) * de[k];
                d.c[k] = d.l[k] + (1 - a0) * d.c[k] + (a0 + a1) * de[k];
                d.l[k] = next;
            }
            d.l[0] += e;
            d.l[1] += c - e;
            d.c[0] += e - c;
            d.c[1] += e;
        }
        if (KIND == SIMPLE || KIND == FULL) {
            const double before = z;
            for (int k = 0; k < COLUMNS; ++k) {
                const double next = ds[k] - (1 - b1) * dz[k] + (b0 - b1) * de[k];
                dz[k] = ds[k] + (1 - b0) * dz[k] + (b0 + b1) * de[k];
                ds[k] = next;
            }
            ds[2] += e;
            ds[3] += before - e;
            dz[2] += e - before;
            dz[3] += e;
        }
        if (KIND == PARTIAL) {
            for (int k = 0; k < COLUMNS; ++k) ds[k] += b0 * de[k];
            ds[2] += e;
        }
        move<KIND>(model, state.l, state.c, s, z, e);
        if (KIND != NONE) place = backward ? (place == 0 ? model.m - 1 : place - 1) : (place + 1 == model.m ? 0 : place + 1);
    }
    return sum;
}

template <int KIND>
void linearise(const Problem& problem, const double* weights, State& state, Tangents& d, double* product, double* slope) {
    const Model model = model_of(problem, weights);
    state = problem.rough;
    std::fill(d.l, d.l + COLUMNS, 0.0);
    std::fill(d.c, d.c + COLUMNS, 0.0);
    d.s.assign(state.s.size() * COLUMNS, 0);
    d.z.assign(state.z.size() * COLUMNS, 0);
    std::fill(product, product + COLUMNS * COLUMNS, 0.0);
    std::fill(slope, slope + COLUMNS, 0.0);
    linear_pass<KIND>(model, problem.y, problem.time, false, state, d, nullptr, nullptr);
    linear_pass<KIND>(model, problem.y, problem.time, true, state, d, nullptr, nullptr);
    linear_pass<KIND>(model, problem.y, problem.time, false, state, d, product, slope);
}

class Search {
   public:
    explicit Search(const Problem& problem) : problem_(problem) {
        const bool used[COLUMNS] = {problem.kind != SIMPLE, problem.kind != SIMPLE, problem.kind != NONE, problem.kind == SIMPLE || problem.kind == FULL};
        for (int i = 0; i < COLUMNS; ++i) {
            if (used[i] && std::isnan(problem.fixed[i])) free_.push_back(i);
        }
    }

    // The best weights found, and their sum of squared errors; infinite where no start is stable.
    double best(double* weights) {
        std::vector<Try> tries = grid();
        std::stable_sort(tries.begin(), tries.end(), lower);
        if (tries.size() > STARTS) tries.resize(STARTS);
        for (Try& one : tries) descend(one, FIRST_STEPS);
        std::stable_sort(tries.begin(), tries.end(), lower);
        keep_different(tries);
        if (tries.size() > FINALISTS) tries.resize(FINALISTS);
        for (Try& one : tries) descend(one, STEPS);
        std::stable_sort(tries.begin(), tries.end(), lower);
        if (tries.empty()) return INF;
        std::copy(tries[0].weights, tries[0].weights + COLUMNS, weights);
        return tries[0].sum;
    }

   private:
    struct Try {
        double weights[COLUMNS];
        double sum;
    };
    static bool lower(const Try& a, const Try& b) { return a.sum < b.sum; }

    static void keep_different(std::vector<Try>& tries) {
        std::vector<Try> kept;
        for (const Try& one : tries) {
            const bool seen = std::any_of(kept.begin(), kept.end(), [&](const Try& other) {
                double far = 0;
                for (int i = 0; i < COLUMNS; ++i) far = std::max(far, std::abs(one.weights[i] - other.weights[i]));
                return far < SAME;
            });
            if (!seen) kept.push_back(one);
        }
        tries = kept;
    }

    double evaluate(const double* weights) { return error_sum(problem_, weights, scratch_); }

    std::vector<Try> grid() {
        static const std::vector<double> values[COLUMNS] = {{1.05, 1.2, 1.45, 1.8}, {0.94, 1.0, 1.06}, {1.02, 1.3}, {0.97, 1.0}};
        static const std::vector<double> offsets = {0.02, 0.15, 0.5}, pair = {1.05, 1.2, 1.45, 1.8}, turn = {0.94, 1.0, 1.06};
        std::vector<Try> tries;
        std::size_t count = 1;
        const auto choices = [&](int i) -> const std::vector<double>& {
            return problem_.kind == PARTIAL && i == 2 ? offsets : problem_.kind == SIMPLE && i == 2 ? pair : problem_.kind == SIMPLE && i == 3 ? turn : values[i];
        };
        for (const int i : free_) count *= choices(i).size();
        for (std::size_t g = 0; g < count; ++g) {
            Try one;
            for (int i = 0; i < COLUMNS; ++i) one.weights[i] = std::isnan(problem_.fixed[i]) ? (i % 2 ? 1 : 1.3) : problem_.fixed[i];
            std::size_t rest = g;
            for (const int i : free_) {
                one.weights[i] = choices(i)[rest % choices(i).size()];
                rest /= choices(i).size();
            }
            if (!free_.empty() && !stable(problem_, one.weights)) continue;
            one.sum = evaluate(one.weights);
            if (std::isfinite(one.sum)) tries.push_back(one);
        }
        return tries;
    }

    // Levenberg-Marquardt, in place; a step that leaves the stable weights is shortened like one that does not help.
    void descend(Try& at, int steps) {
        const int p = static_cast<int>(free_.size());
        double product[COLUMNS * COLUMNS], slope[COLUMNS], damping = 1e-3;
        int idle = 0;
        for (int count = 0; count < steps && p > 0 && idle < IDLE && at.sum > 0; ++count) {
            derive(at.weights, product, slope);
            for (int i = 0; i < p; ++i) held_[i] = (at.weights[free_[i]] <= least(free_[i]) && slope[free_[i]] <= 0) || (at.weights[free_[i]] >= most(free_[i]) && slope[free_[i]] >= 0);
            bool found = false;
            while (damping < 1e12) {
                double step[COLUMNS];
                solve(product, slope, damping, step);
                Try next = at;
                for (int i = 0; i < p; ++i) next.weights[free_[i]] = std::clamp(at.weights[free_[i]] + step[i], least(free_[i]), most(free_[i]));
                next.sum = evaluate(next.weights);
                if (next.sum < at.sum && stable(problem_, next.weights)) {
                    double promised = 0;  // by the straight line that the errors were taken for
                    for (int i = 0; i < p; ++i) {
                        const double moved = next.weights[free_[i]] - at.weights[free_[i]];
                        promised += 2 * moved * slope[free_[i]];
                        for (int j = 0; j < p; ++j) {
                            promised -= moved * product[free_[i] * COLUMNS + free_[j]] * (next.weights[free_[j]] - at.weights[free_[j]]);
                        }
                    }
                    const double kept = (at.sum - next.sum) / promised;
                    damping = kept > 0.75 ? std::max(damping / 16, LEAST) : kept < 0.25 ? damping * 8 : damping;
                    idle = next.sum < at.sum * (1 - ENOUGH) ? 0 : idle + 1;
                    at = next;
                    found = true;
                    break;
                }
                damping *= 8;
            }
            if (!found) return;
        }
    }

    void derive(const double* weights, double* product, double* slope) {
        switch (problem_.kind) {
            case NONE: return linearise<NONE>(problem_, weights, scratch_, tangents_, product, slope);
            case SIMPLE: return linearise<SIMPLE>(problem_, weights, scratch_, tangents_, product, slope);
            case PARTIAL: return linearise<PARTIAL>(problem_, weights, scratch_, tangents_, product, slope);
            default: return linearise<FULL>(problem_, weights, scratch_, tangents_, product, slope);
        }
    }

    // (J'J + damping diag J'J) step = J'e over the free weights; a pivot lost to rounding drops its coordinate.
    void solve(const double* product, const double* slope, double damping, double* step) const {
        const int p = static_cast<int>(free_.size());
        double a[COLUMNS][COLUMNS + 1];
        bool dropped[COLUMNS];
        for (int i = 0; i < p; ++i) {
            for (int j = 0; j < p; ++j) a[i][j] = held_[i] || held_[j] ? 0 : product[free_[i] * COLUMNS + free_[j]] * (i == j ? 1 + damping : 1);
            a[i][p] = held_[i] ? 0 : slope[free_[i]];
        }
        for (int i = 0; i < p; ++i) {
            dropped[i] = !(a[i][i] > 1e-13 * product[free_[i] * COLUMNS + free_[i]]);
            if (dropped[i]) continue;
            for (int r = i + 1; r < p; ++r) {
                const double ratio = a[r][i] / a[i][i];
                for (int j = i; j <= p; ++j) a[r][j] -= ratio * a[i][j];
            }
        }
        for (int i = p - 1; i >= 0; --i) {
            double sum = a[i][p];
            for (int j = i + 1; j < p; ++j) sum -= a[i][j] * step[j];
            step[i] = dropped[i] ? 0 : sum / a[i][i];
        }
    }

    // An offset that moved against its errors would only follow chance.
    double least(int i) const { return problem_.kind == PARTIAL && i == 2 ? 0 : -INF; }

    // Above 2 a level moves by more than its news.
    double most(int i) const { return i == 0 || (problem_.kind == SIMPLE && i == 2) ? MOST : INF; }

    const Problem& problem_;
    std::vector<int> free_;
    bool held_[COLUMNS] = {false, false, false, false};  // by place in free_: at its least value, with no way but down
    State scratch_;
    Tangents tangents_;
};

template <typename T>
using Array = nb::ndarray<T, nb::c_contig, nb::device::cpu>;

State read(const Model& model, const double* level, const double* season) {  // season: (2, m), the first place for the next row
    State state;
    state.l = level[0];
    state.c = level[1];
    if (model.season()) state.s.assign(season, season + model.m);
    if (model.pairs()) state.z.assign(season + model.m, season + 2 * model.m);
    return state;
}

void write(const Model& model, const State& state, std::int64_t turned, double* level, double* season) {
    level[0] = state.l;
    level[1] = state.c;
    for (std::int64_t j = 0; j < model.m; ++j) {
        const std::int64_t place = (j + turned) % model.m;
        season[j] = model.season() ? state.s[place] : 0;
        season[model.m + j] = model.pairs() ? state.z[place] : 0;
    }
}

void ces_run(Array<const double> y, std::int64_t kind, Array<const double> weights, Array<double> level, Array<double> season, Array<double> fitted) {
    const double* w = weights.data();
    const Model model{static_cast<int>(kind), static_cast<std::int64_t>(season.shape(1)), {w[0], w[1], w[2], w[3]}};
    const std::int64_t time = static_cast<std::int64_t>(y.shape(0));
    const double* values = y.data();
    double *l = level.data(), *s = season.data(), *f = fitted.data();
    const nb::gil_scoped_release unlocked;
    State state = read(model, l, s);
    any_pass(model, values, time, 0, false, state, f);
    write(model, state, time, l, s);
}

// means: (rows + 1, horizon), row i made just before y[i], the last after all.
void ces_ahead(Array<const double> y, std::int64_t kind, Array<const double> weights, Array<const double> level, Array<const double> season,
               Array<double> means) {
    const double* w = weights.data();
    const Model model{static_cast<int>(kind), static_cast<std::int64_t>(season.shape(1)), {w[0], w[1], w[2], w[3]}};
    const std::int64_t rows = static_cast<std::int64_t>(y.shape(0)), horizon = static_cast<std::int64_t>(means.shape(1));
    const double *values = y.data(), *l = level.data(), *s = season.data();
    double *out = means.data(), fitted;
    const nb::gil_scoped_release unlocked;
    const std::vector<double> nothing(horizon, std::numeric_limits<double>::quiet_NaN());
    State state = read(model, l, s);
    for (std::int64_t i = 0; i <= rows; ++i) {
        State copy = state;
        any_pass(model, nothing.data(), horizon, i, false, copy, out + i * horizon);
        if (i < rows) any_pass(model, values + i, 1, i, false, state, &fitted);
    }
}

// level, season: the rough state, which becomes the first one.   found: a0, a1, b0, b1, sum of squared errors.
void ces_fit(Array<const double> y, std::int64_t kind, Array<const double> fixed, double radius, Array<double> level, Array<double> season, Array<double> found) {
    Problem problem;
    problem.y = y.data();
    problem.time = static_cast<std::int64_t>(y.shape(0));
    problem.kind = static_cast<int>(kind);
    problem.m = static_cast<std::int64_t>(season.shape(1));
    problem.radius = radius;
    std::copy(fixed.data(), fixed.data() + COLUMNS, problem.fixed);
    double *l = level.data(), *s = season.data(), *out = found.data();
    const nb::gil_scoped_release unlocked;
    const Flush flush;
    double weights[COLUMNS] = {0, 0, 0, 0};
    const Model model = model_of(problem, weights);
    problem.rough = read(model, l, s);
    out[4] = Search(problem).best(weights);
    std::copy(weights, weights + COLUMNS, out);
    if (std::isfinite(out[4])) {
        State first;
        error_sum(problem, weights, first);
        write(model, first, 0, l, s);
    }
}

bool ces_stable(std::int64_t kind, std::int64_t m, Array<const double> weights, double radius) {
    Problem problem;
    problem.kind = static_cast<int>(kind);
    problem.m = m;
    problem.radius = radius;
    return stable(problem, weights.data());
}

}  // namespace

void bind_ces(nb::module_& m) {
    m.def("ces_run", &ces_run);
    m.def("ces_ahead", &ces_ahead);
    m.def("ces_fit", &ces_fit);
    m.def("ces_stable", &ces_stable);
}

}  // namespace inorder
