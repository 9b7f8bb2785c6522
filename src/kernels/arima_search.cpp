#include "arima_search.hpp"

#include <algorithm>
#include <cmath>

#include "flush.hpp"

namespace inorder {
namespace {

constexpr double FARTHEST = 5;      // |u| at most: a partial autocorrelation of 0.9999
constexpr double LONGEST_MOVE = 1;  // of one coordinate in one step
constexpr double LOG_2PI = 1.8378770664093453;
constexpr double ROUNDING = 1e-15;  // of a value, which says nothing about going up or down
constexpr int EXPANDED = 4;         // best models whose neighbours are tried
constexpr double SAME = 0.02;      // of every partial autocorrelation: on the way to a minimum that is known
constexpr double WIDEST = 20;      // inverse of the curvature that a descent begins with, at most
constexpr double NUDGE = 1e-5;      // for differences where there is no formula

// c[i] of order j = c[i] - k[j] c[j-1-i] of order j - 1, c[j] = k[j].
void up(int count, const double* reflection, double* c) {
    std::vector<double> before(count);
    for (int j = 0; j < count; ++j) {
        for (int i = 0; i < j; ++i) before[i] = c[i];
        for (int i = 0; i < j; ++i) c[i] = before[i] - reflection[j] * before[j - 1 - i];
        c[j] = reflection[j];
    }
}

// The inverse; false where a reflection is not inside (-limit, limit).
bool down(int count, const double* c, double* reflection, double limit) {
    std::vector<double> row(c, c + count), next(count);
    for (int j = count - 1; j >= 0; --j) {
        const double k = reflection[j] = row[j];
        if (!(std::fabs(k) < limit)) return false;
        for (int i = 0; i < j; ++i) next[i] = (row[i] + k * row[j - 1 - i]) / (1 - k * k);
        std::swap(row, next);
    }
    return true;
}

// Adjoints of `up`: of coefficients in, of reflections out.
void up_reverse(int count, const double* reflection, const double* bar, double* reflection_bar) {
    std::vector<std::vector<double>> rows(count);
    for (int j = 0; j < count; ++j) {
        rows[j].resize(j + 1);
        up(j + 1, reflection, rows[j].data());
    }
    std::vector<double> here(bar, bar + count), next(count);
    for (int j = count - 1; j >= 0; --j) {
        double sum = here[j];
        for (int i = 0; i < j; ++i) {
            sum -= here[i] * rows[j - 1][j - 1 - i];
            next[i] = here[i] - reflection[j] * here[j - 1 - i];
        }
        reflection_bar[j] = sum;
        std::swap(here, next);
    }
}

constexpr double AT_ONE = 0.995;  // partial autocorrelation of a seasonal AR part that wants to be a difference
constexpr int YEAR = 12;  // lags over which a root of the seasonal AR part is kept from one, at most

// power: of the modulus that all roots have at least, in powers of the block's own lag.
struct Block {
    int begin, count;
    double sign;
    int power = 1;
};

std::vector<Block> blocks(const Orders& o) {
    return {{0, o.p, 1}, {o.p, o.q, -1}, {o.p + o.q, o.P, 1, std::min(std::max(o.s, 1), YEAR)}, {o.p + o.q + o.P, o.Q, -1}};
}

// Coefficients of one block as u, drawn towards zero until they are safely inside.
void inside(const Block& block, const double* coefficients, double modulus, double* u) {
    std::vector<double> c(block.count), reflection(block.count);
    modulus = std::pow(modulus, block.power);
    double shrink = 1;
    for (int trial = 0; trial < 60; ++trial, shrink *= 0.9) {
        double power = 1;
        for (int i = 0; i < block.count; ++i) c[i] = block.sign * coefficients[i] * (power *= shrink * modulus);
        if (down(block.count, c.data(), reflection.data(), 0.97)) break;
        std::fill(reflection.begin(), reflection.end(), 0.0);
    }
    for (int i = 0; i < block.count; ++i) u[i] = std::atanh(reflection[i]);
}

// Least squares by normal equations with a touch of ridge; `product` is (k, k), lower, with `right` (k,), which becomes the solution.
bool solve(int k, std::vector<double>& product, std::vector<double>& right) {
    for (int i = 0; i < k; ++i) product[i * k + i] *= 1 + 1e-9;
    for (int i = 0; i < k; ++i) {
        for (int j = 0; j <= i; ++j) {
            double sum = product[i * k + j];
            for (int l = 0; l < j; ++l) sum -= product[i * k + l] * product[j * k + l];
            if (j < i) {
                product[i * k + j] = sum / product[j * k + j];
            } else if (sum > 0) {
                product[i * k + i] = std::sqrt(sum);
            } else {
                return false;
            }
        }
    }
    for (int i = 0; i < k; ++i) {
        for (int l = 0; l < i; ++l) right[i] -= product[i * k + l] * right[l];
        right[i] /= product[i * k + i];
    }
    for (int i = k - 1; i >= 0; --i) {
        for (int l = i + 1; l < k; ++l) right[i] -= product[l * k + i] * right[l];
        right[i] /= product[i * k + i];
    }
    return true;
}

}  // namespace

void to_coefficients(const Orders& orders, const double* u, double modulus, double* coefficients) {
    for (const Block& block : blocks(orders)) {
        std::vector<double> reflection(block.count);
        for (int i = 0; i < block.count; ++i) reflection[i] = std::tanh(u[block.begin + i]);
        up(block.count, reflection.data(), coefficients + block.begin);
        double scale = block.sign;
        const double held = std::pow(modulus, block.power);
        for (int i = 0; i < block.count; ++i) coefficients[block.begin + i] *= scale /= held;
    }
}

// --- the objective ---

Objective::Objective(const Columns& columns, bool filtered, Differencing differencing)
    : columns_(columns), filtered_(filtered), differencing_(differencing), arma_(columns) {}

double Objective::value(const Orders& orders, const double* coefficients) {
    poll_();
    if (filtered_) {
        orders_ = orders;
        coefficients_.assign(coefficients, coefficients + orders.count());
        return through_filter(orders, coefficients);
    }
    return arma_.value(orders, coefficients);
}

double Objective::at(const Orders& orders, const std::vector<double>& u) {
    std::vector<double> coefficients(orders.count());
    to_coefficients(orders, u.data(), modulus, coefficients.data());
    const double f = value(orders, coefficients.data());
    orders_ = orders;
    u_ = u;
    return f;
}

void Objective::gradient(double* slope) {
    if (!filtered_) return arma_.gradient(slope);
    std::vector<double> c = coefficients_;
    for (int i = 0; i < orders_.count(); ++i) {
        const double kept = c[i];
        c[i] = kept + NUDGE;
        const double above = through_filter(orders_, c.data());
        c[i] = kept - NUDGE;
        const double below = through_filter(orders_, c.data());
        c[i] = kept;
        slope[i] = (above - below) / (2 * NUDGE);
    }
    through_filter(orders_, c.data());
}

void Objective::slope(std::vector<double>& bar) {
    const int k = orders_.count();
    bar.assign(k, 0.0);
    if (filtered_) {
        std::vector<double> c(k), u = u_;
        for (int i = 0; i < k; ++i) {
            double side[2];
            for (int j = 0; j < 2; ++j) {
                u[i] = u_[i] + (j ? -NUDGE : NUDGE);
                to_coefficients(orders_, u.data(), modulus, c.data());
                side[j] = through_filter(orders_, c.data());
            }
            u[i] = u_[i];
            bar[i] = (side[0] - side[1]) / (2 * NUDGE);
        }
        return;
    }
    std::vector<double> by_coefficient(k), reflection(k);
    arma_.gradient(by_coefficient.data());
    for (const Block& block : blocks(orders_)) {
        double scale = block.sign;
        const double held = std::pow(modulus, block.power);
        for (int i = block.begin; i < block.begin + block.count; ++i) {
            reflection[i] = std::tanh(u_[i]);
            by_coefficient[i] *= scale /= held;
        }
        up_reverse(block.count, reflection.data() + block.begin, by_coefficient.data() + block.begin, bar.data() + block.begin);
        for (int i = block.begin; i < block.begin + block.count; ++i) bar[i] *= 1 - reflection[i] * reflection[i];
    }
}

// The same value by the filter, which takes missing values as they come.
double Objective::through_filter(const Orders& orders, const double* coefficients) {
    const int columns = columns_.count();
    const std::int64_t n = columns_.n;
    Filter filter(orders, differencing_, coefficients, 0, columns);
    if (!filter.valid()) return INFINITE;
    errors_.resize(static_cast<std::size_t>(columns) * n);
    row_.resize(2 * static_cast<std::size_t>(columns));
    std::int64_t count = 0;
    double logarithm = 0;
    for (std::int64_t t = 0; t < n; ++t) {
        if (t % 256 == 0) poll_();
        double F = 1, expected;
        for (int c = 0; c < columns; ++c) row_[c] = columns_.values[c * n + t];
        if (!filter.step(row_.data(), row_.data() + columns, F, expected)) continue;
        const double scale = 1 / std::sqrt(F);
        for (int c = 0; c < columns; ++c) errors_[static_cast<std::size_t>(c) * n + count] = row_[columns + c] * scale;
        logarithm += std::log(F);
        ++count;
    }
    gram_.assign(static_cast<std::size_t>(columns) * columns, 0.0);
    for (int a = 0; a < columns; ++a) {
        for (int b = 0; b <= a; ++b) {
            double sum = 0;
            for (std::int64_t t = 0; t < count; ++t) sum += errors_[a * n + t] * errors_[b * n + t];
            gram_[a * columns + b] = gram_[b * columns + a] = sum;
        }
    }
    solution_.solve(gram_, columns, 0);
    squares_ = 0;
    for (std::int64_t t = 0; t < count; ++t) {
        double e = errors_[t];
        for (int c = 1; c < columns; ++c) e -= solution_.beta[c - 1] * errors_[c * n + t];
        squares_ += e * e;
    }
    terms_ = static_cast<double>(count);
    if (!std::isfinite(squares_) || !std::isfinite(logarithm) || count < 1) return INFINITE;
    return 0.5 * (std::log(std::max(squares_, 1e-300) / terms_) + (logarithm + filter.determinant()) / terms_);
}

// --- descent ---

namespace {

// Whether two points are the same process but for what a descent would still do.
bool close(const std::vector<double>& u, const std::vector<double>& other) {
    for (std::size_t i = 0; i < u.size(); ++i) {
        if (std::fabs(std::tanh(u[i]) - std::tanh(other[i])) > SAME) return false;
    }
    return true;
}

}  // namespace

double descend(Objective& objective, const Orders& orders, std::vector<double>& u, const std::vector<double>& known, double tolerance, int steps,
               Clock::time_point deadline) {
    const int k = orders.count();
    const bool thorough = tolerance < 1e-7;
    for (double& x : u) x = std::clamp(x, -FARTHEST, FARTHEST);
    double f = objective.at(orders, u);
    if (k == 0 || !std::isfinite(f)) return f;
    std::vector<double> g, next_g, next(k), direction(k), moved(k), change(k), product(k), inverse(static_cast<std::size_t>(k) * k, 0.0);
    const auto reset = [&] {  // to the information of one partial autocorrelation alone: 1 / (1 - tanh^2 u)
        std::fill(inverse.begin(), inverse.end(), 0.0);
        for (int i = 0; i < k; ++i) inverse[i * k + i] = thorough ? 1 : std::min(std::cosh(u[i]) * std::cosh(u[i]), WIDEST);
    };
    reset();
    bool fresh = true;
    objective.slope(g);
    int idle = 0;
    for (int step = 0; step < steps; ++step) {
        double largest = 0;
        for (int i = 0; i < k; ++i) {
            const bool stuck = (u[i] >= FARTHEST && g[i] < 0) || (u[i] <= -FARTHEST && g[i] > 0);
            if (!stuck) largest = std::max(largest, std::fabs(g[i]));
        }
        if (!(largest > tolerance) || Clock::now() > deadline) break;
        double along = 0, longest = 0;
        for (int i = 0; i < k; ++i) {
            direction[i] = 0;
            for (int j = 0; j < k; ++j) direction[i] -= inverse[i * k + j] * g[j];
            if ((u[i] >= FARTHEST && direction[i] > 0) || (u[i] <= -FARTHEST && direction[i] < 0)) direction[i] = 0;
            along += direction[i] * g[i];
            longest = std::max(longest, std::fabs(direction[i]));
        }
        if (!(along < 0)) {
            if (fresh) break;
            reset();
            fresh = true;
            continue;
        }
        double length = longest > LONGEST_MOVE ? LONGEST_MOVE / longest : 1, reached = INFINITE;
        bool found = false;
        for (int trial = 0; trial < 30; ++trial) {
            for (int i = 0; i < k; ++i) next[i] = std::clamp(u[i] + length * direction[i], -FARTHEST, FARTHEST);
            reached = objective.at(orders, next);
            if (reached <= f + 1e-4 * length * along + ROUNDING * std::fabs(f)) {
                found = true;
                break;
            }
            // the lowest point of the parabola through both values and the slope
            const double bend = reached - f - length * along;
            const double best = std::isfinite(bend) && bend > 0 ? -0.5 * length * length * along / bend : 0;
            length = std::clamp(best, 0.1 * length, 0.5 * length);
        }
        if (!found) {
            if (fresh) break;
            reset();
            fresh = true;
            continue;
        }
        objective.slope(next_g);
        double curvature = 0, size = 0;
        for (int i = 0; i < k; ++i) {
            moved[i] = next[i] - u[i];
            change[i] = next_g[i] - g[i];
            curvature += moved[i] * change[i];
            size += moved[i] * moved[i];
        }
        if (curvature > 1e-10 * size) {
            if (fresh && thorough) {  // the curvature seen, so that no long step leaves the valley of its start
                double squares = 0;
                for (int i = 0; i < k; ++i) squares += change[i] * change[i];
                const double scale = std::clamp(curvature / squares, 0.05, 20.0);
                for (int i = 0; i < k; ++i) inverse[i * k + i] = scale;
            }
            double quadratic = 0;
            for (int i = 0; i < k; ++i) {
                product[i] = 0;
                for (int j = 0; j < k; ++j) product[i] += inverse[i * k + j] * change[j];
                quadratic += product[i] * change[i];
            }
            const double scale = (1 + quadratic / curvature) / curvature;
            for (int i = 0; i < k; ++i) {
                for (int j = 0; j < k; ++j) inverse[i * k + j] += scale * moved[i] * moved[j] - (product[i] * moved[j] + moved[i] * product[j]) / curvature;
            }
            fresh = false;
        }
        idle = f - reached < (thorough ? 1e-12 : 1e-8) ? idle + 1 : 0;
        u = next;
        f = reached;
        std::swap(g, next_g);
        if (idle >= (thorough ? 12 : 2) || (!known.empty() && close(u, known))) break;
    }
    return f;
}

// --- starts ---

Search::Search(const Columns& columns, bool constant, bool filtered, Differencing differencing) {
    Columns bare = columns;
    if (constant) {
        const std::int64_t n = columns.n;
        centred_.assign(columns.values, columns.values + columns.count() * n);
        const double* ones = columns.values + (columns.count() - 1) * n;
        double across = 0, size = 0;
        for (std::int64_t t = 0; t < n; ++t) {
            if (std::isnan(centred_[t])) continue;
            across += centred_[t] * ones[t];
            size += ones[t] * ones[t];
        }
        centre_ = size > 0 ? across / size : 0;
        for (std::int64_t t = 0; t < n; ++t) centred_[t] -= centre_ * ones[t];
        Columns full = columns;
        full.values = centred_.data();
        with_ = std::make_unique<Objective>(full, filtered, differencing);
        bare.regressors -= 1;
    }
    without_ = std::make_unique<Objective>(bare, filtered, differencing);
}

// Its errors stand in for the noise of the process. By Levinson & Durbin on the sample autocovariances.
void Search::long_autoregression(bool constant, int season) {
    Residuals& kept = residuals_[constant];
    if (kept.order >= 0) return;
    const Columns& columns = objective(constant).columns();
    const std::int64_t n = columns.n;
    kept.order = 0;
    if (objective(constant).filtered() || n < 8) return;
    kept.series.assign(columns.values, columns.values + n);
    const double wanted = std::max(10 * std::log10(static_cast<double>(n)), season > 1 ? season + 2.0 : 0.0);
    const int order = static_cast<int>(std::min(wanted, static_cast<double>(n / 3)));
    std::vector<double> covariance(order + 1, 0.0), phi(order, 0.0), before(order, 0.0);
    for (int lag = 0; lag <= order; ++lag) {
        for (std::int64_t t = lag; t < n; ++t) covariance[lag] += kept.series[t] * kept.series[t - lag];
    }
    double variance = covariance[0];
    if (!(variance > 0)) return;
    for (int j = 0; j < order; ++j) {
        double sum = covariance[j + 1];
        for (int i = 0; i < j; ++i) sum -= phi[i] * covariance[j - i];
        const double k = sum / variance;
        before = phi;
        for (int i = 0; i < j; ++i) phi[i] = before[i] - k * before[j - 1 - i];
        phi[j] = k;
        variance *= 1 - k * k;
        if (!(variance > 0)) return;
    }
    kept.errors.assign(n, 0.0);
    for (std::int64_t t = order; t < n; ++t) {
        double e = kept.series[t];
        for (int i = 0; i < order; ++i) e -= phi[i] * kept.series[t - 1 - i];
        kept.errors[t] = e;
    }
    kept.order = order;
}

bool Search::hannan_rissanen(const Orders& o, bool constant, std::vector<double>& u) {
    long_autoregression(constant, o.s);
    const Residuals& kept = residuals_[constant];
    const int k = o.count();
    const std::int64_t n = static_cast<std::int64_t>(kept.series.size()), begin = kept.order + std::max(o.p, std::max(o.q, std::max(o.P, o.Q) * o.s));
    if (kept.order == 0 || n - begin < 2 * k + 2) return false;
    std::vector<const double*> regressors;
    for (int i = 1; i <= o.p; ++i) regressors.push_back(kept.series.data() - i);
    for (int i = 1; i <= o.q; ++i) regressors.push_back(kept.errors.data() - i);
    for (int i = 1; i <= o.P; ++i) regressors.push_back(kept.series.data() - i * o.s);
    for (int i = 1; i <= o.Q; ++i) regressors.push_back(kept.errors.data() - i * o.s);
    product_.assign(static_cast<std::size_t>(k) * k, 0.0);
    normal_.assign(k, 0.0);
    for (int i = 0; i < k; ++i) {
        for (std::int64_t t = begin; t < n; ++t) normal_[i] += regressors[i][t] * kept.series[t];
        for (int j = 0; j <= i; ++j) {
            for (std::int64_t t = begin; t < n; ++t) product_[i * k + j] += regressors[i][t] * regressors[j][t];
        }
    }
    if (!solve(k, product_, normal_)) return false;
    u.assign(k, 0.0);
    for (const Block& block : blocks(o)) inside(block, normal_.data() + block.begin, objective(constant).modulus, u.data() + block.begin);
    return std::all_of(u.begin(), u.end(), [](double x) { return std::isfinite(x); });
}

// --- models ---

Candidate Search::attempt(const Orders& orders, bool constant, const Candidate* parent, bool thorough, const Limits& limits) {
    Objective& objective = this->objective(constant);
    const int k = orders.count();
    std::vector<std::pair<double, std::vector<double>>> starts;
    const auto add = [&](const std::vector<double>& u) {
        const double f = objective.at(orders, u);
        if (std::isfinite(f)) starts.emplace_back(f, u);
    };
    std::vector<double> u(k, 0.0);
    if (parent) {
        const std::vector<Block> mine = blocks(orders), theirs = blocks(parent->orders);
        for (int b = 0; b < 4; ++b) {
            for (int i = 0; i < std::min(mine[b].count, theirs[b].count); ++i) u[mine[b].begin + i] = parent->u[theirs[b].begin + i];
        }
        for (double& x : u) x = std::clamp(x, -3.0, 3.0);
        add(u);
    }
    if (k && hannan_rissanen(orders, constant, u)) add(u);
    const auto level = [&](double ar, double ma, double next) {  // next: what a second partial autocorrelation is to the first
        for (const Block& block : blocks(orders)) {
            for (int i = 0; i < block.count; ++i) u[block.begin + i] = (block.sign > 0 ? ar : -ma) * (i ? next : 1);
        }
        add(u);
    };
    u.assign(k, 0.0);
    level(0.1, k > 1 ? -0.05 : 0.0, 0.3);
    if (k && (thorough || starts.size() < 2)) {
        level(0.6, -0.6, 0.3);
        level(-0.5, 0.5, 0.3);
        level(1.2, -0.3, 0.3);
    }
    if (k > 1 && thorough) {
        level(0.5, 0.5, -1);
        level(-0.5, -0.5, -1);
        level(0.4, -0.2, -2);
        level(-0.8, 0.2, 0.6);
        level(1.5, -1.5, -0.6);
    }
    Candidate best;
    best.orders = orders;
    best.constant = constant;
    if (starts.empty()) return best;
    std::stable_sort(starts.begin(), starts.end(), [](const auto& x, const auto& y) { return x.first < y.first; });
    if (!thorough && starts.size() > 2) starts.resize(2);
    double lowest = INFINITE;
    for (auto& start : starts) {
        const double f = descend(objective, orders, start.second, thorough ? std::vector<double>() : best.u, thorough ? 1e-11 : 1e-5, 200, limits.deadline);
        if (f < lowest) {
            lowest = f;
            best.u = start.second;
        }
        if (k == 0) break;
    }
    if (!std::isfinite(lowest)) return best;
    objective.at(orders, best.u);  // leaves squares and beta where they belong
    best.loglik = -objective.terms() * (lowest + 0.5 * (LOG_2PI + 1));
    judge(best, limits);
    return best;
}

void Search::judge(Candidate& candidate, const Limits& limits) {
    const Columns& columns = objective(candidate.constant).columns();
    const double n = objective(candidate.constant).terms(), k = candidate.orders.count() + columns.regressors + 1;
    double penalty = 2 * k;
    if (limits.criterion == Criterion::AICC) penalty = n > k + 1 ? 2 * k * n / (n - k - 1) : INFINITE;
    if (limits.criterion == Criterion::BIC) penalty = std::log(n) * k;
    candidate.criterion = -2 * candidate.loglik + penalty;
    const bool held = objective(candidate.constant).modulus > 1;
    for (int i = 0; held && i < candidate.orders.P; ++i) {
        if (std::abs(std::tanh(candidate.u[candidate.orders.p + candidate.orders.q + i])) > AT_ONE) candidate.criterion = INFINITE;
    }
    if (std::isnan(candidate.criterion)) candidate.criterion = INFINITE;
}

void Search::hold(double modulus) {
    without_->modulus = modulus;
    if (with_) with_->modulus = modulus;
}

Candidate Search::fit(const Orders& orders, bool constant, const Limits& limits) {
    const Flush flush;
    hold(1);
    return attempt(orders, constant, nullptr, true, limits);
}

// Tries a model that was not tried yet; true where it was tried.
bool Search::consider(int p, int q, int P, int Q, bool constant, const Candidate* parent, const Limits& limits) {
    if (p < 0 || q < 0 || P < 0 || Q < 0 || p > limits.max_p || q > limits.max_q || P > limits.max_P || Q > limits.max_Q) return false;
    if (p + q + P + Q > limits.max_order || (constant ? !limits.with : !limits.without)) return false;
    const Orders orders{p, q, P, Q, limits.season};
    for (const Candidate& seen : trace) {
        if (seen.orders == orders && seen.constant == constant) return false;
    }
    if (static_cast<int>(trace.size()) >= limits.max_models && !trace.empty()) return false;
    if (!trace.empty() && Clock::now() > limits.deadline) {
        out_of_time = true;
        return false;
    }
    const Columns& columns = objective(constant).columns();
    if (orders.count() && columns.n - columns.integrated <= orders.count() + columns.regressors + 2) return false;
    trace.push_back(attempt(orders, constant, parent, false, limits));
    return true;
}

Candidate Search::choose(const Limits& limits) {
    const Flush flush;
    trace.clear();
    hold(limits.root);
    const auto best = [&] {
        int found = -1;
        for (int i = 0; i < static_cast<int>(trace.size()); ++i) {
            if (!std::isfinite(trace[i].criterion)) continue;
            if (found < 0 || trace[i].criterion < trace[found].criterion) found = i;
        }
        return found;
    };
    const bool choices[2] = {limits.with, limits.without};
    if (limits.stepwise) {
        const bool constant = limits.with;
        const int P = limits.max_P ? 1 : 0, Q = limits.max_Q ? 1 : 0;
        consider(0, 0, 0, 0, constant, nullptr, limits);
        consider(std::min(2, limits.max_p), std::min(2, limits.max_q), P, Q, constant, nullptr, limits);
        consider(std::min(1, limits.max_p), 0, P, 0, constant, nullptr, limits);
        consider(0, std::min(1, limits.max_q), 0, Q, constant, nullptr, limits);
        if (limits.with && limits.without) consider(0, 0, 0, 0, false, nullptr, limits);
        // more first models than usual, and the neighbours of the best few: a path from one model alone ends in side valleys
        consider(std::min(1, limits.max_p), 0, 0, Q, constant, nullptr, limits);
        consider(std::min(1, limits.max_p), std::min(1, limits.max_q), 0, Q, constant, nullptr, limits);
        consider(std::min(3, limits.max_p), 0, P, 0, constant, nullptr, limits);
        consider(0, std::min(1, limits.max_q), P, Q, constant, nullptr, limits);
        consider(std::min(1, limits.max_p), std::min(1, limits.max_q), P, 0, constant, nullptr, limits);
        static constexpr int MOVES[][4] = {{0, 0, -1, 0}, {0, 0, 0, -1}, {0, 0, 1, 0},  {0, 0, 0, 1},  {0, 0, -1, -1}, {0, 0, 1, 1},  {0, 0, -1, 1}, {0, 0, 1, -1},
                                           {-1, 0, 0, 0}, {0, -1, 0, 0}, {1, 0, 0, 0}, {0, 1, 0, 0}, {-1, -1, 0, 0}, {1, 1, 0, 0}, {-1, 1, 0, 0}, {1, -1, 0, 0}};
        std::vector<int> expanded;
        while (true) {
            std::vector<int> places;
            for (int i = 0; i < static_cast<int>(trace.size()); ++i) {
                if (std::isfinite(trace[i].criterion)) places.push_back(i);
            }
            std::stable_sort(places.begin(), places.end(), [&](int x, int y) { return trace[x].criterion < trace[y].criterion; });
            if (static_cast<int>(places.size()) > EXPANDED) places.resize(EXPANDED);
            int current = -1;
            for (const int i : places) {
                if (std::find(expanded.begin(), expanded.end(), i) == expanded.end()) {
                    current = i;
                    break;
                }
            }
            if (current < 0) break;
            expanded.push_back(current);
            const Candidate from = trace[current];
            const Orders& o = from.orders;
            for (const auto& move : MOVES) consider(o.p + move[0], o.q + move[1], o.P + move[2], o.Q + move[3], from.constant, &from, limits);
            consider(o.p, o.q, o.P, o.Q, !from.constant, &from, limits);
        }
    } else {
        for (int order = 0; order <= limits.max_order; ++order) {  // the small ones first, so that larger ones start from them
            for (int p = 0; p <= std::min(order, limits.max_p); ++p) {
                for (int q = 0; p + q <= order && q <= limits.max_q; ++q) {
                    for (int P = 0; p + q + P <= order && P <= limits.max_P; ++P) {
                        const int Q = order - p - q - P;
                        if (Q > limits.max_Q) continue;
                        for (int c = 0; c < 2; ++c) {
                            if (!choices[c]) continue;
                            const Candidate* parent = nullptr;
                            for (const Candidate& seen : trace) {  // the best model with one coefficient less
                                const Orders& o = seen.orders;
                                if (seen.constant != (c == 0) || o.count() + 1 != order || o.p > p || o.q > q || o.P > P || o.Q > Q) continue;
                                if (!parent || seen.loglik > parent->loglik) parent = &seen;
                            }
                            const Candidate kept = parent ? *parent : Candidate();
                            consider(p, q, P, Q, c == 0, parent ? &kept : nullptr, limits);
                        }
                    }
                }
            }
        }
    }
    const int found = best();
    if (found < 0) return Candidate();
    if (Clock::now() > limits.deadline) {
        out_of_time = true;
        return trace[found];
    }
    // the finalist again, from every start
    const Candidate again = attempt(trace[found].orders, trace[found].constant, &trace[found], true, limits);
    if (again.loglik > trace[found].loglik) trace[found] = again;
    return trace[found];
}

}  // namespace inorder
