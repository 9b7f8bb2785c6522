#include "arima_filter.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "clones.hpp"

namespace inorder {
namespace {

constexpr double SETTLED = 1e-13;   // variance of the state below which it counts as known
constexpr double REVEALS = 1e-9;    // weight of a diffuse direction, relative to its size, below which an observation does not see it
constexpr double UNKNOWN = std::numeric_limits<double>::quiet_NaN();

// P[i][j] <- P[i+1][j+1] + R[i] R[j] - u[i] v[j], the lower triangle in place.
INORDER_CLONES void shift(double* P, int r, const double* INORDER_RESTRICT R, const double* INORDER_RESTRICT u, const double* INORDER_RESTRICT v) {
    for (int i = 0; i + 1 < r; ++i) {
        double* INORDER_RESTRICT to = P + static_cast<std::int64_t>(i) * r;
        const double* INORDER_RESTRICT from = to + r + 1;
        const double left = R[i], right = u[i];
        for (int j = 0; j <= i; ++j) to[j] = from[j] + left * R[j] - right * v[j];
    }
    double* INORDER_RESTRICT to = P + static_cast<std::int64_t>(r - 1) * r;
    for (int j = 0; j < r; ++j) to[j] = R[r - 1] * R[j] - u[r - 1] * v[j];
}

std::vector<double> times(const std::vector<double>& x, const std::vector<double>& y) {
    std::vector<double> product(x.size() + y.size() - 1, 0.0);
    for (std::size_t i = 0; i < x.size(); ++i) {
        for (std::size_t j = 0; x[i] != 0 && j < y.size(); ++j) product[i + j] += x[i] * y[j];
    }
    return product;
}

std::vector<double> difference(int d, int D, int s) {
    std::vector<double> delta{1}, season(s + 1, 0.0);
    season[0] += 1;
    season[s] -= 1;
    for (int k = 0; k < d; ++k) delta = times(delta, {1, -1});
    for (int k = 0; k < D; ++k) delta = times(delta, season);
    return delta;
}

}  // namespace

Filter::Filter(const Orders& orders, Differencing differencing, const double* coefficients, double mean, int columns)
    : orders_(orders), columns_(columns), mean_(mean) {
    ar_ = expand_ar(orders, coefficients);
    ma_ = expand_ma(orders, coefficients);
    const std::vector<double> delta = difference(differencing.d, differencing.D, orders.s);
    initial_ = static_cast<int>(delta.size()) - 1;
    std::vector<double> phi(orders.ar() + 1, 0.0);
    phi[0] = 1;
    for (const Term& term : ar_) phi[term.lag] = -term.value;
    const std::vector<double> full = times(phi, delta);
    r_ = std::max({1, static_cast<int>(full.size()) - 1, orders.ma()});
    phi_.assign(r_, 0.0);
    R_.assign(r_, 0.0);
    for (int lag = 1; lag < static_cast<int>(full.size()); ++lag) {
        if (full[lag] == 0) continue;
        full_.push_back({lag, -full[lag]});
        phi_[lag - 1] = R_[lag - 1] = -full[lag];
    }
    for (int lag = 1; lag <= initial_; ++lag) {
        if (delta[lag] != 0) delta_.push_back({lag, delta[lag]});
    }
    for (const Term& term : ma_) R_[term.lag - 1] += term.value;
    constant_ = mean;
    for (const Term& term : ar_) constant_ -= mean * term.value;
    a.assign(static_cast<std::size_t>(columns) * std::max(initial_, 1), UNKNOWN);
    p_.resize(r_ + 1);
    C_.resize(r_);
    before_.resize(2 * static_cast<std::size_t>(r_));
    const int stationary = orders.state();
    if (stationary == 0) return;
    Start start;
    std::vector<double> gain(stationary);
    double variance = 1;
    valid_ = start.make(stationary, ar_, ma_, gain.data(), variance);
    if (valid_) start.covariance(covariance_);
}

// The state once the first `initial()` values are there.
void Filter::begin() {
    const std::vector<double> values = a;
    a.assign(static_cast<std::size_t>(columns_) * r_, 0.0);
    W.clear();
    const auto add = [&](double* state, int place, double value) {  // what a value at this place of the start contributes
        for (int l = -1; l < static_cast<int>(ar_.size()); ++l) {
            const int lag = l < 0 ? 0 : ar_[l].lag;
            const double phi = l < 0 ? 1 : -ar_[l].value;
            for (const Term& term : delta_) {
                const int i = term.lag + lag - (initial_ - place);
                if (i >= lag && i < lag + term.lag && i < r_) state[i] -= phi * term.value * value;
            }
        }
    };
    for (int place = 0; place < initial_; ++place) {
        if (std::isnan(values[place])) {
            W.resize(W.size() + r_, 0.0);
            add(W.data() + W.size() - r_, place, 1);
            continue;
        }
        for (int c = 0; c < columns_; ++c) add(a.data() + c * r_, place, values[c * initial_ + place]);
    }
    double tail = 0;
    int l = static_cast<int>(ar_.size()) - 1;
    for (int i = orders_.ar() - 1; i >= 0; --i) {
        if (l >= 0 && ar_[l].lag == i + 1) tail += ar_[l--].value;
        a[i] += mean_ * tail;
    }
    const int stationary = orders_.state();
    P.clear();
    if (stationary == 0) return;
    P.assign(static_cast<std::size_t>(r_) * r_, 0.0);
    for (int i = 0; i < stationary; ++i) {
        for (int j = 0; j <= i; ++j) P[static_cast<std::size_t>(i) * r_ + j] = covariance_[static_cast<std::size_t>(i) * stationary + j];
    }
}

void Filter::move(double* state, double constant) const {
    const double first = state[0] + constant;
    std::copy(state + 1, state + r_, state);
    state[r_ - 1] = 0;
    for (const Term& term : full_) state[term.lag - 1] += term.value * first;
}

void Filter::settle() {
    if (P.empty() || !W.empty()) return;
    for (int i = 0; i < r_; ++i) {
        if (!(P[static_cast<std::size_t>(i) * (r_ + 1)] < SETTLED)) return;
    }
    P.clear();
}

bool Filter::step(const double* values, double* errors, double& variance, double& expected) {
    expected = UNKNOWN;
    if (seen < initial_) {
        for (int c = 0; c < columns_; ++c) a[c * initial_ + seen] = values[c];
        ++seen;
        if (seen == initial_) begin();
        return false;
    }
    if (seen == 0) begin();
    ++seen;
    const bool missing = std::isnan(values[0]);
    const int k = diffuse();
    double sees = 0, size = 0;
    for (int j = 0; j < k; ++j) {
        sees += W[static_cast<std::size_t>(j) * r_] * W[static_cast<std::size_t>(j) * r_];
        for (int i = 0; i < r_; ++i) size = std::max(size, std::fabs(W[static_cast<std::size_t>(j) * r_ + i]));
    }
    const bool seen_diffuse = k > 0 && sees > REVEALS * REVEALS * size * size && sees > 0;
    if (!seen_diffuse) expected = a[0] + constant_;
    for (int c = 0; c < columns_; ++c) errors[c] = values[c] - a[c * r_] - (c ? 0 : constant_);
    for (int c = 0; c < columns_; ++c) move(a.data() + c * r_, c ? 0 : constant_);
    const bool covered = !P.empty();
    if (!covered && (missing || seen_diffuse)) P.assign(static_cast<std::size_t>(r_) * r_, 0.0);
    // C = T P Z' + R, and p = P Z' before the move
    double F = 1;
    if (covered) {
        for (int i = 0; i < r_; ++i) p_[i] = P[static_cast<std::size_t>(i) * r_];
        p_[0] = std::max(p_[0], 0.0);
        F += p_[0];
    } else {
        std::fill(p_.begin(), p_.end(), 0.0);
    }
    p_[r_] = 0;
    double *u = before_.data(), *v = u + r_;
    for (int i = 0; i < r_; ++i) C_[i] = phi_[i] * p_[0] + p_[i + 1] + R_[i];
    std::vector<double> direction;
    if (missing) {
        std::fill(u, u + r_, 0.0);
        std::fill(v, v + r_, 0.0);
        for (int j = 0; j < k; ++j) move(W.data() + static_cast<std::size_t>(j) * r_, 0);
    } else if (seen_diffuse) {
        // turn the directions so that the first alone is seen, by a reflection, and take it out
        const double f = std::sqrt(sees);
        std::vector<double> turn(k);
        for (int j = 0; j < k; ++j) turn[j] = W[static_cast<std::size_t>(j) * r_];
        const double sign = turn[0] < 0 ? -1 : 1;
        turn[0] += sign * f;
        double norm = 0;
        for (const double x : turn) norm += x * x;
        std::vector<double> along(r_, 0.0);
        for (int j = 0; j < k; ++j) {
            for (int i = 0; i < r_; ++i) along[i] += turn[j] * W[static_cast<std::size_t>(j) * r_ + i];
        }
        for (int j = 0; j < k; ++j) {
            for (int i = 0; i < r_; ++i) W[static_cast<std::size_t>(j) * r_ + i] -= 2 * turn[j] / norm * along[i];
        }
        direction.assign(W.begin(), W.begin() + r_);  // its first entry is -sign f
        const double weight = direction[0];
        W.erase(W.begin(), W.begin() + r_);
        for (int j = 0; j + 1 < k; ++j) {
            W[static_cast<std::size_t>(j) * r_] = 0;
            move(W.data() + static_cast<std::size_t>(j) * r_, 0);
        }
        move(direction.data(), 0);
        for (double& x : direction) x /= weight;
        for (int c = 0; c < columns_; ++c) {
            for (int i = 0; i < r_; ++i) a[c * r_ + i] += direction[i] * errors[c];
        }
        // P' = T P T' + R R' - g C' - C g' + g g' F = T P T' + (R R' - (C/√F)(C/√F)') + (C/√F - g √F)(…)'
        const double root = std::sqrt(F);
        for (int i = 0; i < r_; ++i) u[i] = v[i] = C_[i] / root, direction[i] = u[i] - direction[i] * root;
        determinant_ += std::log(sees);
        ++revealed_;
    } else {
        for (int i = 0; i < r_; ++i) u[i] = C_[i] / F, v[i] = C_[i];
        for (int c = 0; c < columns_; ++c) {
            const double e = errors[c];
            double* state = a.data() + c * r_;
            for (int i = 0; i < r_; ++i) state[i] += u[i] * e;
        }
        for (int j = 0; j < k; ++j) {
            W[static_cast<std::size_t>(j) * r_] = 0;
            move(W.data() + static_cast<std::size_t>(j) * r_, 0);
        }
    }
    if (!P.empty()) {
        shift(P.data(), r_, R_.data(), u, v);
        if (covered) {
            for (const Term& term : full_) {
                const int i = term.lag - 1;
                double* row = P.data() + static_cast<std::size_t>(i) * r_;
                for (int j = 0; j <= i; ++j) row[j] += term.value * p_[j + 1];  // phi[i] p[j+1]
            }
            for (const Term& term : full_) {
                const int j = term.lag - 1;
                for (int i = j; i < r_; ++i) P[static_cast<std::size_t>(i) * r_ + j] += term.value * (p_[i + 1] + phi_[i] * p_[0]);
            }
        }
        if (seen_diffuse && !missing) {
            for (int i = 0; i < r_; ++i) {
                for (int j = 0; j <= i; ++j) P[static_cast<std::size_t>(i) * r_ + j] += direction[i] * direction[j];
            }
        }
        settle();
    }
    variance = F;
    return !missing && !seen_diffuse;
}

// 1 / phi*(B)
void Filter::impulse(int count, std::vector<double>& weights) const {
    weights.assign(count, 0.0);
    if (count) weights[0] = 1;
    for (int h = 1; h < count; ++h) {
        for (const Term& term : full_) {
            if (term.lag > h) break;
            weights[h] += term.value * weights[h - term.lag];
        }
    }
}

void Filter::means(int horizon, double* result) const {
    if (seen < initial_) {
        std::fill(result, result + horizon, UNKNOWN);
        return;
    }
    std::vector<double> first;
    const double* state = a.data();
    if (seen == 0) {
        Filter copy = *this;
        copy.begin();
        first = copy.a;
        state = first.data();
    }
    for (int h = 0; h < horizon; ++h) {
        double value = constant_ + (h < r_ ? state[h] : 0);
        for (const Term& term : full_) {
            if (term.lag > h) break;
            value += term.value * result[h - term.lag];
        }
        result[h] = value;
    }
}

void Filter::variances(int horizon, double* result) const {
    if (seen < initial_) {
        std::fill(result, result + horizon, INFINITE);
        return;
    }
    if (seen == 0) {
        Filter copy = *this;
        copy.begin();
        copy.seen = 1;
        copy.initial_ = 0;
        copy.variances(horizon, result);
        return;
    }
    std::vector<double> pi;
    impulse(horizon, pi);
    double sum = 0;
    for (int h = 0; h < horizon; ++h) {
        double psi = pi[h];
        for (const Term& term : ma_) {
            if (term.lag > h) break;
            psi += term.value * pi[h - term.lag];
        }
        sum += psi * psi;
        double variance = sum;
        const int last = std::min(h, r_ - 1);
        if (!P.empty()) {
            for (int i = 0; i <= last; ++i) {
                const double* row = P.data() + static_cast<std::size_t>(i) * r_;
                double across = 0;
                for (int j = 0; j < i; ++j) across += row[j] * pi[h - j];
                variance += pi[h - i] * (2 * across + row[i] * pi[h - i]);
            }
        }
        for (int j = 0; j < diffuse(); ++j) {
            double weight = 0, size = 0;
            for (int i = 0; i <= last; ++i) weight += W[static_cast<std::size_t>(j) * r_ + i] * pi[h - i];
            for (int i = 0; i < r_; ++i) size = std::max(size, std::fabs(W[static_cast<std::size_t>(j) * r_ + i]));
            if (std::fabs(weight) > REVEALS * size) variance = INFINITE;
        }
        result[h] = variance;
    }
}

}  // namespace inorder
