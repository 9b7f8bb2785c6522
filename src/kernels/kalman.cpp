// The Kalman filter and the smoother of kalman.hpp.
//
// The elements of y_t enter one after the other (correlated ones after a decorrelating transformation), so that no matrix is inverted
// and a missing element is one that does not enter. The diffuse part of the covariance is kept as its directions, P_inf = A'A: an
// observation that sees them turns them by a Householder reflection so that one alone is seen, and that one is then known. So the
// number of directions falls by exactly one, where subtracting from P_inf would leave rounding errors to be told from zeros.
//
// Source: Durbin & Koopman 2012, Time Series Analysis by State Space Methods, 2nd ed., ch. 4, 5.2-5.3, 6.4; Koopman & Durbin 2000, 2003.

#include "kalman_parts.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "clones.hpp"

#if defined(_MSC_VER)
#define INORDER_INLINE __forceinline
#else
#define INORDER_INLINE inline __attribute__((always_inline))
#endif

namespace inorder {
namespace {

constexpr double STEADY = 1e-14;  // a covariance that changes by a smaller share stands still
constexpr std::size_t ROOM = std::size_t(1) << 26;  // entries of covariances for which room is made at once
constexpr double REACHED = 1e-2;  // share of its bound by Schwarz that |P| |N| |P| comes to, with room to spare
constexpr double ROUNDING = std::numeric_limits<double>::epsilon();
constexpr int STILL = 3;          // steps in a row that it has to

// out = X Y, all of them m x m
template <int M>
INORDER_INLINE void dense_product(const double* INORDER_RESTRICT x, const double* INORDER_RESTRICT y, int states, double* INORDER_RESTRICT out) {
    const int m = M ? M : states;
    for (int i = 0; i < m; ++i) {
        double* INORDER_RESTRICT to = out + i * m;
        for (int j = 0; j < m; ++j) to[j] = 0;
        for (int k = 0; k < m; ++k) {
            const double weight = x[i * m + k];
            const double* INORDER_RESTRICT from = y + k * m;
            for (int j = 0; j < m; ++j) to[j] += weight * from[j];
        }
    }
}

// out = S X for X of m columns
template <int M>
INORDER_INLINE void product_of_rows(const Rows& s, int states, const double* INORDER_RESTRICT x, double* INORDER_RESTRICT out) {
    if (M) return dense_product<M>(s.full.data(), x, states, out);
    const int m = states;
    for (int i = 0; i < m; ++i) {
        double* INORDER_RESTRICT to = out + i * m;
        for (int j = 0; j < m; ++j) to[j] = 0;
        for (int k = s.begin[i]; k < s.begin[i + 1]; ++k) {
            const double weight = s.value[k];
            const double* INORDER_RESTRICT from = x + s.column[k] * m;
            for (int j = 0; j < m; ++j) to[j] += weight * from[j];
        }
    }
}

// X <- S X S' for a symmetric X.   room: for a matrix.
template <int M>
INORDER_INLINE void congruence(const Rows& s, int states, double* INORDER_RESTRICT x, double* INORDER_RESTRICT room) {
    const int m = M ? M : states;
    product_of_rows<M>(s, m, x, room);
    for (int i = 0; i < m; ++i) {
        const double* INORDER_RESTRICT row = room + i * m;
        for (int j = 0; j <= i; ++j) {
            double sum = 0;
            if (M) {
                const double* INORDER_RESTRICT other = s.full.data() + j * m;
                for (int k = 0; k < m; ++k) sum += row[k] * other[k];
            } else {
                for (int k = s.begin[j]; k < s.begin[j + 1]; ++k) sum += s.value[k] * row[s.column[k]];
            }
            x[i * m + j] = x[j * m + i] = sum;
        }
    }
}

template <int M>
INORDER_INLINE double inner(const double* INORDER_RESTRICT x, const double* INORDER_RESTRICT y, int states) {
    const int m = M ? M : states;
    double sum = 0;
    for (int j = 0; j < m; ++j) sum += x[j] * y[j];
    return sum;
}

// out = X z for a symmetric X
template <int M>
INORDER_INLINE void symmetric_product(const double* INORDER_RESTRICT x, const double* INORDER_RESTRICT z, int states, double* INORDER_RESTRICT out) {
    const int m = M ? M : states;
    for (int j = 0; j < m; ++j) out[j] = 0;
    for (int k = 0; k < m; ++k) {
        if (z[k] == 0) continue;
        const double* INORDER_RESTRICT from = x + k * m;
        for (int j = 0; j < m; ++j) out[j] += z[k] * from[j];
    }
}

// Whether every entry of `now` is that of `before`, for its row and column.
template <int M>
INORDER_INLINE bool stands_still(const double* now, const double* before, int states, double* scale) {
    const int m = M ? M : states;
    for (int j = 0; j < m; ++j) {
        scale[j] = std::sqrt(std::fabs(now[j * m + j]));
        if (!(std::fabs(now[j * m + j] - before[j * m + j]) <= STEADY * now[j * m + j])) return false;
    }
    for (int i = 1; i < m; ++i)
        for (int j = 0; j < i; ++j)
            if (!(std::fabs(now[i * m + j] - before[i * m + j]) <= STEADY * scale[i] * scale[j])) return false;
    return true;
}

// The filter over y (time, p), NaN = missing.   record: null where there is no way back.
template <int M>
INORDER_INLINE void filter_body(const System& s, const double* y, Filtered& out, Record* record) {
    const int m = M ? M : s.states, p = s.series;
    const std::size_t square = static_cast<std::size_t>(m) * m;
    std::vector<double> a(s.mean, s.mean + m), P(s.covariance, s.covariance + square), before(square), one(square), two(square), V(square), M_star(m), gain(m),
        M_inf(m), next(m), scale(m), room, g;
    std::vector<double> still_gain(static_cast<std::size_t>(p) * m), still_variance(p), still_log(p);
    std::vector<double> A(s.diffuse, s.diffuse + static_cast<std::size_t>(s.directions) * m);
    Rows transition;
    Elements elements;
    elements.prepare(s);
    const bool constant = s.steady && !s.varies();
    int still = 0;          // steps in a row over which P stood still
    std::int64_t entries = 0;
    std::vector<double> peak(p, 0);
    out.least.assign(p, std::numeric_limits<double>::infinity());
    out.doubt = 0;
    out.totals = Totals();
    out.diffuse_steps = 0;
    if (record) {
        record->clear();
        record->correlated = elements.correlated;
        bool gaps = !constant;
        for (std::int64_t j = 0; !gaps && j < s.time * p; ++j) gaps = std::isnan(y[j]);
        if (gaps && static_cast<std::size_t>(s.time) * square <= ROOM) {  // room that is not used costs nothing
            record->covariance.reserve((s.time + 1) * square);
            if (record->after) record->filtered_covariance.reserve(s.time * square);
            for (auto* numbers : {&record->gain, &record->row}) numbers->reserve(static_cast<std::size_t>(s.time) * p * m);
            for (auto* numbers : {&record->variance, &record->noise}) numbers->reserve(static_cast<std::size_t>(s.time) * p);
        }
        record->entry.resize(s.time);
        record->error.assign(static_cast<std::size_t>(s.time) * p, 0);
        record->state.resize(static_cast<std::size_t>(s.time + 1) * m);
    }
    for (std::int64_t t = 0; t < s.time; ++t) {
        if (t == 0 || s.transition.varies()) transition.read(s.transition.at(t), m, false);
        if (t == 0 || s.selection.varies() || s.state_covariance.varies()) disturbance_covariance(s, t, V.data(), room);
        elements.read(s, t, y + t * p);
        const bool whole = elements.count == p;
        const bool diffuse = !A.empty();
        const bool standing = constant && still >= STILL && whole;
        if (constant && !standing) before = P;
        if (diffuse) {
            out.diffuse_steps = t + 1;
            outer(A, m, one);
            out.diffuse_covariances.insert(out.diffuse_covariances.end(), one.begin(), one.end());
        }
        if (out.predicted) std::copy(a.begin(), a.end(), out.predicted + t * m);
        if (out.predicted_covariance) std::copy(P.begin(), P.end(), out.predicted_covariance + t * square);
        if (out.forecast) {
            const double *z = s.design.at(t), *d = s.observation_intercept.at(t);
            for (int i = 0; i < p; ++i) out.forecast[t * p + i] = inner<M>(z + i * m, a.data(), m) + d[i];
        }
        if (out.forecast_covariance) {
            const double *z = s.design.at(t), *h = s.observation_covariance.at(t);
            double* F = out.forecast_covariance + t * p * p;
            if (standing) {
                std::copy(F - p * p, F, F);
            } else {
                for (int i = 0; i < p; ++i) {
                    symmetric_product<M>(P.data(), z + i * m, m, M_star.data());
                    for (int j = 0; j <= i; ++j) F[i * p + j] = F[j * p + i] = inner<M>(z + j * m, M_star.data(), m) + h[i * p + j];
                    double infinite = 0;
                    if (diffuse && sees(A, m, z + i * m, g, infinite)) F[i * p + i] = std::numeric_limits<double>::infinity();
                }
            }
        }
        if (record) {
            std::copy(a.begin(), a.end(), record->state.begin() + t * m);
            if (!standing) {
                record->count.push_back(elements.count);
                record->covariance.insert(record->covariance.end(), P.begin(), P.end());
                record->element.insert(record->element.end(), elements.which.begin(), elements.which.end());
                record->row.insert(record->row.end(), elements.row.begin(), elements.row.end());
                record->noise.insert(record->noise.end(), elements.noise.begin(), elements.noise.end());
                if (elements.correlated) record->factor.insert(record->factor.end(), elements.factor.begin(), elements.factor.end());
                record->gain.resize(record->gain.size() + static_cast<std::size_t>(p) * m);
                record->variance.resize(record->variance.size() + p);
                if (diffuse) {
                    record->directions.push_back(A);
                    record->diffuse_variance.resize(record->diffuse_variance.size() + p, 0);
                    record->second_gain.resize(record->second_gain.size() + static_cast<std::size_t>(p) * m, 0);
                }
                ++entries;
            }
            record->entry[t] = entries - 1;
        }
        Totals here;
        for (int i = 0; i < elements.count; ++i) {
            const double* z = elements.row.data() + i * m;
            const double v = elements.value[i] - inner<M>(z, a.data(), m);
            if (record) record->error[t * p + i] = v;
            if (standing) {
                if (!(still_variance[i] > 0)) continue;
                const double* K = still_gain.data() + i * m;
                for (int j = 0; j < m; ++j) a[j] += K[j] * v;
                here.squares += v * v / still_variance[i];
                here.log_determinant += still_log[i];
                ++here.known;
                continue;
            }
            symmetric_product<M>(P.data(), z, m, M_star.data());
            double F = inner<M>(z, M_star.data(), m) + elements.noise[i], F_inf = 0, terms = elements.noise[i];
            for (int j = 0; j < m; ++j) terms += z[j] * z[j] * std::fabs(P[j * m + j]);
            double &highest = peak[elements.which[i]], &lowest = out.least[elements.which[i]];
            highest = terms > highest || std::isnan(terms) ? terms : highest;
            if (!A.empty() && sees(A, m, z, g, F_inf)) {
                for (int j = 0; j < m; ++j) M_inf[j] = 0;
                for (std::size_t k = 0; k < g.size(); ++k)
                    for (int j = 0; j < m; ++j) M_inf[j] += g[k] * A[k * m + j];
                for (int j = 0; j < m; ++j) gain[j] = M_inf[j] / F_inf;
                for (int j = 0; j < m; ++j) a[j] += gain[j] * v;
                for (int j = 0; j < m; ++j)
                    for (int k = 0; k < m; ++k) P[j * m + k] += gain[j] * gain[k] * F - (M_star[j] * gain[k] + gain[j] * M_star[k]);
                forget_direction(A, m, g, room);
                here.log_determinant += std::log(F_inf);
                ++here.diffuse;
                if (record) {
                    double* second = record->second_gain.data() + (t * p + i) * m;
                    for (int j = 0; j < m; ++j) second[j] = (M_star[j] - gain[j] * F) / F_inf;
                    record->diffuse_variance[t * p + i] = F_inf;
                }
            } else {
                if (F < -CERTAIN * terms) out.doubt = 1;
                if (!(F > CERTAIN * terms)) F = 0;
                else lowest = std::min(lowest, F);
                const double inverse = F > 0 ? 1 / F : 0;
                for (int j = 0; j < m; ++j) gain[j] = M_star[j] * inverse;
                if (F > 0) {
                    for (int j = 0; j < m; ++j) a[j] += gain[j] * v;
                    for (int j = 0; j < m; ++j)
                        for (int k = 0; k < m; ++k) P[j * m + k] -= M_star[j] * M_star[k] * inverse;
                    still_log[i] = std::log(F);
                    here.squares += v * v * inverse;
                    here.log_determinant += still_log[i];
                    ++here.known;
                }
                still_variance[i] = F;
                std::copy(gain.begin(), gain.end(), still_gain.begin() + i * m);
            }
            if (record) {
                record->variance[(entries - 1) * p + i] = F;
                std::copy(gain.begin(), gain.end(), record->gain.begin() + ((entries - 1) * p + i) * m);
            }
        }
        if (out.loglik) out.loglik[t] = here.loglik();
        out.totals.squares += here.squares;
        out.totals.log_determinant += here.log_determinant;
        out.totals.known += here.known;
        out.totals.diffuse += here.diffuse;
        if (out.filtered) std::copy(a.begin(), a.end(), out.filtered + t * m);
        if (out.filtered_covariance) {
            if (standing) std::copy(out.filtered_covariance + (t - 1) * square, out.filtered_covariance + t * square, out.filtered_covariance + t * square);
            else std::copy(P.begin(), P.end(), out.filtered_covariance + t * square);
        }
        if (record && record->after && !standing) record->filtered_covariance.insert(record->filtered_covariance.end(), P.begin(), P.end());
        if (record && diffuse) record->filtered_directions.push_back(A);
        product(transition, m, a.data(), next.data());
        const double* c = s.state_intercept.at(t);
        for (int j = 0; j < m; ++j) a[j] = next[j] + c[j];
        if (standing) continue;
        congruence<M>(transition, m, P.data(), one.data());
        for (std::size_t j = 0; j < square; ++j) P[j] += V[j];
        if (!A.empty()) move_directions(A, m, transition, room);
        still = constant && whole && !diffuse && stands_still<M>(P.data(), before.data(), m, scale.data()) ? still + 1 : 0;
    }
    if (out.predicted) std::copy(a.begin(), a.end(), out.predicted + s.time * m);
    if (out.predicted_covariance) std::copy(P.begin(), P.end(), out.predicted_covariance + s.time * square);
    if (record) {
        std::copy(a.begin(), a.end(), record->state.begin() + s.time * m);
        record->covariance.insert(record->covariance.end(), P.begin(), P.end());  // behind the last entry
        if (record->directions.size() == static_cast<std::size_t>(out.diffuse_steps)) record->directions.push_back(A);
    }
    for (int i = 0; i < p; ++i) {
        const double share = ROUNDING * peak[i] / out.least[i];
        out.doubt = share <= 1 ? std::max(out.doubt, share) : 1;
    }
    out.last = a;
    out.last_covariance = P;
    out.directions = A;
}

// N <- L' N L + weight z z' with L = I - K z';   w = N K.   Also where only w of the old N is known: N' = N - z w' - w z' + (K'w + weight) z z'
template <int M>
INORDER_INLINE void pass_observation(double* INORDER_RESTRICT N, const double* INORDER_RESTRICT z, const double* INORDER_RESTRICT w, double both, int states) {
    const int m = M ? M : states;
    for (int i = 0; i < m; ++i) {
        double* INORDER_RESTRICT row = N + i * m;
        if (z[i] == 0) {
            for (int j = 0; j < m; ++j) row[j] -= w[i] * z[j];
        } else {
            for (int j = 0; j < m; ++j) row[j] += z[i] * z[j] * both - (z[i] * w[j] + w[i] * z[j]);
        }
    }
}

// The covariances of the observation noise, given everything.   V: (m, m) that of the state.
inline void noise_covariance(const System& s, const Record& record, std::int64_t t, const double* V, const std::vector<double>& own, double* out,
                             std::vector<double>& room) {
    const int m = s.states, p = s.series;
    const std::int64_t e = record.entry[t];
    const int count = record.count[e];
    const int* which = record.element.data() + e * p;
    const double *h = s.observation_covariance.at(t), *z = s.design.at(t);
    std::copy(h, h + p * p, out);
    const double *factor = record.correlated ? record.factor.data() + e * p * p : nullptr, *noise = record.noise.data() + e * p;
    std::vector<double> share, part(static_cast<std::size_t>(count) * count);
    noise_shares(h, p, count, which, factor, noise, share);
    room.resize(m);
    for (int k = 0; k < count; ++k) {  // Z V Z' - H, what is learnt about the noise
        symmetric_product<0>(V, z + which[k] * m, m, room.data());
        for (int l = 0; l <= k; ++l) {
            const double both = h[which[k] * p + which[l]];
            part[k * count + l] = part[l * count + k] = inner<0>(z + which[l] * m, room.data(), m) - both;
        }
        if (!factor) part[k * count + k] = -own[k];  // h^2 D: exact also where the noise is far smaller than the state's uncertainty
    }
    for (int i = 0; i < p; ++i)
        for (int j = 0; j <= i; ++j) {
            double sum = 0;
            for (int k = 0; k < count; ++k)
                for (int l = 0; l < count; ++l) sum += share[i * count + k] * part[k * count + l] * share[j * count + l];
            out[i * p + j] += sum;
            out[j * p + i] = out[i * p + j];
        }
}

// The smoother, on what the filter left.
template <int M>
INORDER_INLINE double smooth_body(const System& s, const Record& record, std::int64_t diffuse_steps, const Smoothed& out, const std::vector<double>& least) {
    const int m = M ? M : s.states, p = s.series, q = s.disturbances;
    const std::size_t square = static_cast<std::size_t>(m) * m;
    const bool covariances = out.covariance || out.lagged || out.noise_covariance || out.disturbance_covariance || out.state_variances || out.noise_variances ||
                             out.transition_variances || out.start_variances;
    std::vector<double> r(m, 0), r1(m, 0), N(square, 0), N1(square, 0), N2(square, 0), w(m), w1(m), w2(m), x(m), one(square), two(square), three(square),
        P_inf, room, u(p), D(p), own(p), V(square), before(square), scale(m), state(m), ahead_r(m), QR(static_cast<std::size_t>(q) * m);
    Rows back, forth;
    const bool constant = s.steady && !s.varies(), varies = out.covariance || out.noise_covariance || out.lagged;
    int still = 0;
    double doubt = 0;
    // What was subtracted to get a state and its covariance, as an observation sees it, beside the smallest variance of an observation.
    const auto doubtful = [&](std::int64_t t, const double* P) {
        std::vector<double>&root = scale, &terms = x;
        for (int k = 0; k < m; ++k) root[k] = varies ? std::sqrt(std::fabs(N[k * m + k])) : 0;
        for (int i = 0; i < p; ++i) {
            const double* z = s.design.at(t) + static_cast<std::size_t>(i) * m;
            double moved = 0, taken = 0;
            for (int j = 0; j < m; ++j) {
                if (z[j] == 0) continue;
                double first = 0, second = 0;
                for (int k = 0; k < m; ++k) {
                    first += std::fabs(P[j * m + k] * r[k]);
                    second += std::fabs(P[j * m + k]) * root[k];
                }
                if (t < diffuse_steps) {
                    for (int k = 0; k < m; ++k) first += std::fabs(P_inf[j * m + k] * r1[k]);
                    double mixed = 0;
                    for (int k = 0; varies && k < m; ++k) {
                        terms[k] = 0;
                        for (int l = 0; l < m; ++l)
                            terms[k] += 2 * std::fabs(N1[k * m + l] * P[j * m + l]) + std::fabs(N2[k * m + l] * P_inf[j * m + l]);
                        mixed += std::fabs(P_inf[j * m + k]) * terms[k];
                    }
                    taken += z[j] * z[j] * mixed;
                }
                moved += std::fabs(z[j]) * first;
                taken += REACHED * z[j] * z[j] * second * second;
            }
            const double share = ROUNDING * std::max(moved / std::sqrt(least[i]), taken / least[i]);
            doubt = share <= 1 ? std::max(doubt, share) : 1;
        }
    };
    for (std::int64_t t = s.time - 1; t >= 0; --t) {
        const std::int64_t e = record.entry[t];
        const bool diffuse = t < diffuse_steps;
        const double *P = record.covariance.data() + e * square, *P_filtered = record.after ? record.filtered_covariance.data() + e * square : nullptr;
        // N stands still while the gains do
        if (!constant || t + 1 >= s.time || record.entry[t + 1] != e) still = 0;
        const bool standing = still >= STILL;
        if (t == s.time - 1 || s.transition.varies()) {
            back.read(s.transition.at(t), m, true);
            forth.read(s.transition.at(t), m, false);
        }
        if (diffuse) outer(record.filtered_directions[t], m, P_inf);

        // what follows from alpha_{t+1}: u_t, and how alpha_t and alpha_{t+1} move together
        if (out.disturbance || out.disturbance_covariance) {
            const double *selection = s.selection.at(t), *cov = s.state_covariance.at(t);
            for (int k = 0; k < q && (t == s.time - 1 || s.selection.varies() || s.state_covariance.varies()); ++k)
                for (int j = 0; j < m; ++j) {
                    double sum = 0;
                    for (int l = 0; l < q; ++l) sum += cov[k * q + l] * selection[j * q + l];
                    QR[k * m + j] = sum;
                }
            if (out.disturbance)
                for (int k = 0; k < q; ++k) out.disturbance[t * q + k] = inner<M>(QR.data() + k * m, r.data(), m);
            if (out.disturbance_covariance && standing)
                std::copy(out.disturbance_covariance + (t + 1) * q * q, out.disturbance_covariance + (t + 2) * q * q, out.disturbance_covariance + t * q * q);
            else if (out.disturbance_covariance)
                for (int k = 0; k < q; ++k) {
                    symmetric_product<M>(N.data(), QR.data() + k * m, m, x.data());
                    for (int l = 0; l <= k; ++l)
                        out.disturbance_covariance[(t * q + k) * q + l] = out.disturbance_covariance[(t * q + l) * q + k] =
                            cov[k * q + l] - inner<M>(QR.data() + l * m, x.data(), m);
                }
        }
        if (out.lagged) {
            double* lagged = out.lagged + t * square;
            if (standing) {
                std::copy(lagged + square, lagged + 2 * square, lagged);
            } else {  // (I - P N) T P_filtered, with the P of t + 1
                const double* ahead = t + 1 < s.time ? record.covariance.data() + record.entry[t + 1] * square : record.covariance.data() + record.covariance.size() - square;
                product_of_rows<M>(forth, m, P_filtered, one.data());
                dense_product<M>(N.data(), one.data(), m, two.data());
                dense_product<M>(ahead, two.data(), m, three.data());
                for (std::size_t j = 0; j < square; ++j) lagged[j] = one[j] - three[j];
                if (diffuse) {  // - P_inf N1 T P_filtered - (P_inf N2 + P N1) T P_inf,filtered
                    std::vector<double> next;
                    outer(record.directions[t + 1], m, next);
                    dense_product<M>(N1.data(), one.data(), m, two.data());
                    product_of_rows<M>(forth, m, P_inf.data(), one.data());
                    dense_product<M>(N2.data(), one.data(), m, three.data());
                    for (std::size_t j = 0; j < square; ++j) two[j] += three[j];
                    dense_product<M>(next.data(), two.data(), m, three.data());
                    for (std::size_t j = 0; j < square; ++j) lagged[j] -= three[j];
                    dense_product<M>(N1.data(), one.data(), m, two.data());
                    dense_product<M>(ahead, two.data(), m, three.data());
                    for (std::size_t j = 0; j < square; ++j) lagged[j] -= three[j];
                }
            }
        }
        if (out.state_squares)
            for (int i = 0; i < m; ++i)
                for (int j = 0; j < m; ++j) out.state_squares[i * m + j] += r[i] * r[j];
        if (out.state_variances)
            for (std::size_t j = 0; j < square; ++j) out.state_variances[j] += N[j];
        if (out.transition_variances) {
            product_of_rows<M>(forth, m, P_filtered, one.data());
            dense_product<M>(N.data(), one.data(), m, two.data());
            for (std::size_t j = 0; j < square; ++j) out.transition_variances[j] += two[j];
            if (diffuse) {
                product_of_rows<M>(forth, m, P_inf.data(), one.data());
                dense_product<M>(N1.data(), one.data(), m, two.data());
                for (std::size_t j = 0; j < square; ++j) out.transition_variances[j] += two[j];
            }
        }
        if (out.transition_products) ahead_r = r;

        // back over the transition
        room.resize(m);
        product(back, m, r.data(), room.data());
        std::copy(room.begin(), room.begin() + m, r.begin());
        if (diffuse) {
            product(back, m, r1.data(), room.data());
            std::copy(room.begin(), room.begin() + m, r1.begin());
        }
        if (covariances && !standing) {
            congruence<M>(back, m, N.data(), one.data());
            if (diffuse) {
                congruence<M>(back, m, N1.data(), one.data());
                congruence<M>(back, m, N2.data(), one.data());
            }
        }

        // back over the observations
        for (int i = record.count[e] - 1; i >= 0; --i) {
            const double *z = record.row.data() + (e * p + i) * m, *K = record.gain.data() + (e * p + i) * m;
            const double F = record.variance[e * p + i], v = record.error[t * p + i];
            const double F_inf = diffuse ? record.diffuse_variance[t * p + i] : 0;
            const double Kr = inner<M>(K, r.data(), m);
            double both = 0;
            if (covariances && !standing) {
                symmetric_product<M>(N.data(), K, m, w.data());
                both = inner<M>(K, w.data(), m);
            }
            if (F_inf > 0) {
                const double* K1 = record.second_gain.data() + (t * p + i) * m;
                const double K1r = inner<M>(K1, r.data(), m), Kr1 = inner<M>(K, r1.data(), m);
                u[i] = -Kr;
                D[i] = both;
                for (int j = 0; j < m; ++j) r1[j] += z[j] * (v / F_inf - Kr1 - K1r);
                for (int j = 0; j < m; ++j) r[j] -= z[j] * Kr;
                if (covariances) {
                    symmetric_product<M>(N1.data(), K, m, w1.data());
                    symmetric_product<M>(N2.data(), K, m, w2.data());
                    symmetric_product<M>(N.data(), K1, m, x.data());  // N K1
                    symmetric_product<M>(N1.data(), K1, m, room.data());
                    // N2 <- L'N2 L + L1'N1 L + L'N1 L1 + L1'N L1 - F z z' / F_inf^2,   L1 = -K1 z'
                    const double second = inner<M>(K, w2.data(), m) + 2 * inner<M>(K, room.data(), m) + inner<M>(K1, x.data(), m) - F / (F_inf * F_inf);
                    for (int j = 0; j < m; ++j) w2[j] += room[j];
                    pass_observation<M>(N2.data(), z, w2.data(), second, m);
                    // N1 <- L'N1 L + L1'N L + L'N L1 + z z' / F_inf
                    const double first = inner<M>(K, w1.data(), m) + 2 * inner<M>(K, x.data(), m) + 1 / F_inf;
                    for (int j = 0; j < m; ++j) w1[j] += x[j];
                    pass_observation<M>(N1.data(), z, w1.data(), first, m);
                    pass_observation<M>(N.data(), z, w.data(), both, m);
                }
            } else {
                const double inverse = F > 0 ? 1 / F : 0;
                u[i] = v * inverse - Kr;
                if (!standing) D[i] = inverse + both;
                for (int j = 0; j < m; ++j) r[j] += z[j] * u[i];
                if (diffuse) {
                    const double Kr1 = inner<M>(K, r1.data(), m);
                    for (int j = 0; j < m; ++j) r1[j] -= z[j] * Kr1;
                }
                if (covariances && !standing) {
                    pass_observation<M>(N.data(), z, w.data(), D[i], m);
                    if (diffuse) {
                        symmetric_product<M>(N1.data(), K, m, w1.data());
                        pass_observation<M>(N1.data(), z, w1.data(), inner<M>(K, w1.data(), m), m);
                        symmetric_product<M>(N2.data(), K, m, w2.data());
                        pass_observation<M>(N2.data(), z, w2.data(), inner<M>(K, w2.data(), m), m);
                    }
                }
            }
            own[i] = D[i];
            if (out.noise_squares) out.noise_squares[record.element[e * p + i]] += u[i] * u[i];
            if (out.noise_variances) out.noise_variances[record.element[e * p + i]] += D[i];
        }

        // the state and the noise
        const double* a = record.state.data() + t * m;
        symmetric_product<M>(P, r.data(), m, state.data());
        for (int j = 0; j < m; ++j) state[j] += a[j];
        if (diffuse) {
            outer(record.directions[t], m, P_inf);
            symmetric_product<M>(P_inf.data(), r1.data(), m, room.data());
            for (int j = 0; j < m; ++j) state[j] += room[j];
        }
        if (out.state) std::copy(state.begin(), state.end(), out.state + t * m);
        if (!least.empty() && !standing) doubtful(t, P);
        if (out.transition_products)
            for (int i = 0; i < m; ++i)
                for (int j = 0; j < m; ++j) out.transition_products[i * m + j] += ahead_r[i] * state[j];
        if ((out.covariance || out.noise_covariance) && !standing) {
            dense_product<M>(N.data(), P, m, one.data());
            dense_product<M>(P, one.data(), m, two.data());
            if (diffuse) {  // P_inf N1 P, its transpose, P_inf N2 P_inf
                dense_product<M>(N1.data(), P, m, one.data());
                dense_product<M>(P_inf.data(), one.data(), m, three.data());
                for (int i = 0; i < m; ++i)
                    for (int j = 0; j < m; ++j) two[i * m + j] += three[i * m + j] + three[j * m + i];
                dense_product<M>(N2.data(), P_inf.data(), m, one.data());
                dense_product<M>(P_inf.data(), one.data(), m, three.data());
                for (std::size_t j = 0; j < square; ++j) two[j] += three[j];
            }
            for (int i = 0; i < m; ++i)
                for (int j = 0; j <= i; ++j) V[i * m + j] = V[j * m + i] = P[i * m + j] - 0.5 * (two[i * m + j] + two[j * m + i]);
        }
        if (out.covariance) std::copy(V.begin(), V.end(), out.covariance + t * square);
        if (out.noise) {  // H[:, o] L^-T u
            const double* h = s.observation_covariance.at(t);
            const int count = record.count[e], *which = record.element.data() + e * p;
            if (record.correlated) {
                const double* factor = record.factor.data() + e * p * p;
                for (int k = count - 1; k >= 0; --k)
                    for (int l = k + 1; l < count; ++l) u[k] -= factor[l * p + k] * u[l];
            }
            for (int i = 0; i < p; ++i) {
                double sum = 0;
                for (int k = 0; k < count; ++k) sum += h[i * p + which[k]] * u[k];
                out.noise[t * p + i] = sum;
            }
        }
        if (out.noise_covariance) {
            if (standing) {
                std::copy(out.noise_covariance + (t + 1) * p * p, out.noise_covariance + (t + 2) * p * p, out.noise_covariance + t * p * p);
            } else {
                for (int k = 0; k < record.count[e]; ++k) own[k] *= record.noise[e * p + k] * record.noise[e * p + k];
                if (p == 1) out.noise_covariance[t] = s.observation_covariance.at(t)[0] - (record.count[e] ? own[0] : 0);
                else noise_covariance(s, record, t, V.data(), own, out.noise_covariance + t * p * p, room);
            }
        }
        if (covariances && constant && !standing && !diffuse) {
            still = stands_still<M>(N.data(), before.data(), m, scale.data()) ? still + 1 : 0;
            before = N;
        }
    }
    if (out.start_squares)
        for (int i = 0; i < m; ++i)
            for (int j = 0; j < m; ++j) out.start_squares[i * m + j] = r[i] * r[j];
    if (out.start_variances) std::copy(N.begin(), N.end(), out.start_variances);
    if (out.start) std::copy(r.begin(), r.end(), out.start);
    return doubt;
}

}  // namespace

// A body for each small number of states, whose loops the compiler unrolls, and one for any other.
namespace {
#define INORDER_STATES(M, CLONES)                                                                                                        \
    CLONES void filter_##M(const System& s, const double* y, Filtered& out, Record* record) { filter_body<M>(s, y, out, record); }        \
    CLONES double smooth_##M(const System& s, const Record& record, std::int64_t steps, const Smoothed& out, const std::vector<double>& least) { return smooth_body<M>(s, record, steps, out, least); }
INORDER_STATES(0, INORDER_CLONES)
INORDER_STATES(1, )
INORDER_STATES(2, )
INORDER_STATES(3, )
INORDER_STATES(4, )
INORDER_STATES(5, )
#undef INORDER_STATES
constexpr int LARGEST = 5;
}  // namespace

void filter(const System& s, const double* y, Filtered& out, Record* record) {
    const decltype(&filter_0) by_states[] = {filter_0, filter_1, filter_2, filter_3, filter_4, filter_5};
    by_states[s.states <= LARGEST ? s.states : 0](s, y, out, record);
}

void Record::clear() {
    for (auto* numbers : {&variance, &noise, &factor, &error, &diffuse_variance, &second_gain}) numbers->clear();
    for (auto* numbers : {&gain, &row, &covariance, &filtered_covariance, &state}) numbers->clear();
    entry.clear();
    count.clear();
    element.clear();
    directions.clear();
    filtered_directions.clear();
    correlated = false;
}

void refilter(const System& s, const double* y, Record& record) {
    const int m = s.states, p = s.series;
    std::vector<double> a(s.mean, s.mean + m), next(m), value(p);
    Rows transition;
    for (std::int64_t t = 0; t < s.time; ++t) {
        if (t == 0 || s.transition.varies()) transition.read(s.transition.at(t), m, false);
        const std::int64_t e = record.entry[t];
        std::copy(a.begin(), a.end(), record.state.begin() + t * m);
        for (int i = 0; i < record.count[e]; ++i) {
            const int which = record.element[e * p + i];
            value[i] = y[t * p + which] - s.observation_intercept.at(t)[which];
            for (int k = 0; record.correlated && k < i; ++k) value[i] -= record.factor[(e * p + i) * p + k] * value[k];
        }
        for (int i = 0; i < record.count[e]; ++i) {
            const double *z = record.row.data() + (e * p + i) * m, *K = record.gain.data() + (e * p + i) * m;
            const double v = value[i] - inner<0>(z, a.data(), m);
            record.error[t * p + i] = v;
            for (int j = 0; j < m; ++j) a[j] += K[j] * v;
        }
        product(transition, m, a.data(), next.data());
        for (int j = 0; j < m; ++j) a[j] = next[j] + s.state_intercept.at(t)[j];
    }
    std::copy(a.begin(), a.end(), record.state.begin() + s.time * m);
}

double smooth(const System& s, const Record& record, std::int64_t diffuse_steps, const Smoothed& out, const std::vector<double>& least) {
    const decltype(&smooth_0) by_states[] = {smooth_0, smooth_1, smooth_2, smooth_3, smooth_4, smooth_5};
    return by_states[s.states <= LARGEST ? s.states : 0](s, record, diffuse_steps, out, least);
}

}  // namespace inorder
