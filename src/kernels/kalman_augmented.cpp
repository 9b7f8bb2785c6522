// The diffuse start by regression. Where the directions about which nothing is known look alike to the first observations (harmonics of a long season),
// the exact recursions learn them one at a time from differences of nearly equal numbers. Here they stay coefficients, delta,
//
//     alpha_t = a_t + E_t delta + x_t,   x_t ~ N(0, P_t),       v_t - e_t delta ~ N(0, F_t)   with e_t = z_t E_t
//     S = sum e_t' e_t / F_t,   s = sum e_t' v_t / F_t,         delta given y_1 … y_t ~ N(S^-1 s, S^-1)
//
// until S is well conditioned; then a + E delta and P + E S^-1 E' are the start of the ordinary filter over the rest. The likelihood is the same number:
// log |S| stands for the sum of log F_inf. The first element of the first step is taken in exactly, so that a model without noise has a variance for the next.
//
// On the way back r and N pass from the rest to this part as they are, since both are statements about what follows. With W = Var(delta | y), U = R W,
// where r_t(delta) = r_t - R_t delta:
//
//     U <- z' e W / F + L' U,       N <- L' N L + z'z (1 / F - e W e' / F^2) - (z' (L' U e')' + (L' U e') z) / F
//     E(alpha_t | y) = a + E delta + P T' r,      Var = P - P T' N T P + E W E' - P T' U E' - E U' T P     a, E, P after the observations of t
//
// Source: de Jong 1991, The diffuse Kalman filter; de Jong & Chu-Chun-Lin 2003, Smoothing with an unknown initial condition.

#include <cmath>

#include "kalman_parts.hpp"

namespace inorder {
namespace {

constexpr double POSITIVE = 1e-10;  // the smallest pivot of an S that can be inverted, its diagonal being one
constexpr double SETTLED = 1e4;     // delta is known well enough where it does not multiply the variance of y by more

double dot(const double* x, const double* y, int size) {
    double sum = 0;
    for (int j = 0; j < size; ++j) sum += x[j] * y[j];
    return sum;
}

// out = X y, X: (rows, columns)
void times(const double* x, int rows, int columns, const double* y, double* out) {
    for (int i = 0; i < rows; ++i) out[i] = dot(x + static_cast<std::size_t>(i) * columns, y, columns);
}

// out = S X, X of some columns
void sparse_times(const Rows& s, int m, const double* x, int columns, double* out) {
    for (int i = 0; i < m; ++i) {
        double* to = out + static_cast<std::size_t>(i) * columns;
        std::fill(to, to + columns, 0);
        for (int l = s.begin[i]; l < s.begin[i + 1]; ++l) {
            const double weight = s.value[l], *from = x + static_cast<std::size_t>(s.column[l]) * columns;
            for (int j = 0; j < columns; ++j) to[j] += weight * from[j];
        }
    }
}

void turn(const double* x, int rows, int columns, double* out) {
    for (int i = 0; i < rows; ++i)
        for (int j = 0; j < columns; ++j) out[static_cast<std::size_t>(j) * rows + i] = x[static_cast<std::size_t>(i) * columns + j];
}

// X <- S X S' for a symmetric X
void congruence(const Rows& s, int m, std::vector<double>& x, std::vector<double>& one, std::vector<double>& two) {
    one.resize(x.size());
    two.resize(x.size());
    sparse_times(s, m, x.data(), m, one.data());
    turn(one.data(), m, m, two.data());
    sparse_times(s, m, two.data(), m, one.data());
    for (int i = 0; i < m; ++i)
        for (int j = 0; j <= i; ++j) x[i * m + j] = x[j * m + i] = 0.5 * (one[i * m + j] + one[j * m + i]);
}

// out = X Y, (rows, inside) by (inside, columns)
void multiply(const double* x, const double* y, int rows, int inside, int columns, double* out) {
    std::fill(out, out + static_cast<std::size_t>(rows) * columns, 0);
    for (int i = 0; i < rows; ++i)
        for (int l = 0; l < inside; ++l) {
            const double weight = x[static_cast<std::size_t>(i) * inside + l], *from = y + static_cast<std::size_t>(l) * columns;
            double* to = out + static_cast<std::size_t>(i) * columns;
            if (weight == 0) continue;
            for (int j = 0; j < columns; ++j) to[j] += weight * from[j];
        }
}

// The inverse of S by Cholesky, and the logarithm of its determinant; false where a pivot of S, scaled to a diagonal of one, is not above `least`.
bool invert(const std::vector<double>& S, int k, double least, std::vector<double>& inverse, double& log_determinant) {
    std::vector<double> l(S.size(), 0), scale(k);
    log_determinant = 0;
    for (int i = 0; i < k; ++i) {
        if (!(S[i * k + i] > 0)) return false;
        scale[i] = 1 / std::sqrt(S[i * k + i]);
    }
    for (int i = 0; i < k; ++i)
        for (int j = 0; j <= i; ++j) {
            const double sum = S[i * k + j] * scale[i] * scale[j] - dot(l.data() + i * k, l.data() + j * k, j);
            if (i != j) {
                l[i * k + j] = sum / l[j * k + j];
            } else if (!(sum > least)) {
                return false;
            } else {
                l[i * k + i] = std::sqrt(sum);
                log_determinant += 2 * std::log(l[i * k + i] / scale[i]);
            }
        }
    std::vector<double> root(S.size(), 0);  // L^-1, column by column a row of its transpose
    for (int j = 0; j < k; ++j)
        for (int i = j; i < k; ++i) root[j * k + i] = ((i == j ? 1 : 0) - dot(l.data() + i * k + j, root.data() + j * k + j, i - j)) / l[i * k + i];
    inverse.assign(S.size(), 0);
    for (int i = 0; i < k; ++i)
        for (int j = 0; j <= i; ++j) inverse[i * k + j] = inverse[j * k + i] = dot(root.data() + i * k + i, root.data() + j * k + i, k - i) * scale[i] * scale[j];
    return true;
}

// The system of the steps from t on.
System rest_of(const System& s, std::int64_t t) {
    System rest = s;
    rest.time = s.time - t;
    for (Part* part : {&rest.design, &rest.observation_intercept, &rest.observation_covariance, &rest.transition, &rest.state_intercept, &rest.selection, &rest.state_covariance})
        part->data += t * part->step;
    return rest;
}

}  // namespace

bool augment(const System& s, const double* y, Augmented& out, bool keep) {
    const int m = s.states, p = s.series;
    const std::size_t square = static_cast<std::size_t>(m) * m;
    std::vector<double> a(s.mean, s.mean + m), P(s.covariance, s.covariance + square), A(s.diffuse, s.diffuse + static_cast<std::size_t>(s.directions) * m), E, V(square), M(m),
        next(m), one, two, room, g, S, right, e;
    int k = 0, left = s.directions;    // directions that are coefficients, 0 until there is one; those after the first step
    std::int64_t seen = 0, asked = 0;  // elements that tell of them, and how many of them before S is looked at again
    Rows transition;
    Elements elements;
    elements.prepare(s);
    out = Augmented();
    out.correlated = elements.correlated;
    out.states = m;
    std::vector<double> last_row;
    double last_variance = 0;
    // Whether delta is known well enough to go on with its mean and covariance.
    const auto settled = [&] {
        if (!invert(S, k, POSITIVE, out.inverse, out.log_determinant)) return false;
        std::vector<double> share(k);
        double terms = 0;
        for (int j = 0; j < m; ++j) {
            if (last_row[j] == 0) continue;
            const double* row = E.data() + static_cast<std::size_t>(j) * k;
            times(out.inverse.data(), k, k, row, share.data());
            terms += last_row[j] * last_row[j] * dot(row, share.data(), k);
        }
        return terms <= SETTLED * last_variance;
    };
    const auto begin = [&] {  // the directions left become columns
        k = static_cast<int>(A.size()) / m;
        E.resize(A.size());
        turn(A.data(), k, m, E.data());
        S.assign(static_cast<std::size_t>(k) * k, 0);
        right.assign(k, 0);
        e.resize(k);
        asked = k;
    };
    if (s.directions == 0) return false;
    std::int64_t t = 0;
    bool done = false;
    for (; t < s.time && !done; ++t) {
        if (t == 0 || s.transition.varies()) transition.read(s.transition.at(t), m, false);
        if (t == 0 || s.selection.varies() || s.state_covariance.varies()) disturbance_covariance(s, t, V.data(), room);
        elements.read(s, t, y + t * p);
        out.first.push_back(static_cast<std::int64_t>(out.variance.size()));
        for (int i = 0; i < elements.count; ++i) {
            const double *z = elements.row.data() + static_cast<std::size_t>(i) * m, v = elements.value[i] - dot(z, a.data(), m);
            times(P.data(), m, m, z, M.data());
            double F = dot(z, M.data(), m) + elements.noise[i], terms = elements.noise[i], F_inf = 0;
            for (int j = 0; j < m; ++j) terms += z[j] * z[j] * P[j * m + j];
            if (t == 0 && i == 0) {
                if (!sees(A, m, z, g, F_inf)) return false;
                std::fill(next.begin(), next.end(), 0);
                for (std::size_t l = 0; l < g.size(); ++l)
                    for (int j = 0; j < m; ++j) next[j] += g[l] * A[l * m + j] / F_inf;
                for (int j = 0; j < m; ++j) a[j] += next[j] * v;
                for (int j = 0; j < m; ++j)
                    for (int l = 0; l < m; ++l) P[j * m + l] += next[j] * next[l] * F - (M[j] * next[l] + next[j] * M[l]);
                forget_direction(A, m, g, room);
                left = static_cast<int>(A.size()) / m;
                out.totals.log_determinant += std::log(F_inf);
                ++out.totals.diffuse;
                out.variance.push_back(0);
                out.gain.insert(out.gain.end(), next.begin(), next.end());
            } else {
                if (!(F > CERTAIN * terms)) return false;
                if (k == 0) begin();
                if (k == 0 || k != left) return false;  // there is nothing to regress on, or a direction that is never seen
                for (int l = 0; l < k; ++l) e[l] = 0;
                for (int j = 0; j < m; ++j)
                    for (int l = 0; z[j] != 0 && l < k; ++l) e[l] += z[j] * E[static_cast<std::size_t>(j) * k + l];
                for (int j = 0; j < m; ++j) next[j] = M[j] / F;
                for (int j = 0; j < m; ++j) a[j] += next[j] * v;
                for (int j = 0; j < m; ++j)
                    for (int l = 0; l < m; ++l) P[j * m + l] -= M[j] * M[l] / F;
                for (int j = 0; j < m; ++j)
                    for (int l = 0; l < k; ++l) E[static_cast<std::size_t>(j) * k + l] -= next[j] * e[l];
                for (int j = 0; j < k; ++j)
                    for (int l = 0; l < k; ++l) S[static_cast<std::size_t>(j) * k + l] += e[j] * e[l] / F;
                for (int l = 0; l < k; ++l) right[l] += e[l] * v / F;
                out.totals.log_determinant += std::log(F);
                ++out.totals.known;
                ++seen;
                last_row.assign(z, z + m);
                last_variance = F;
                out.variance.push_back(F);
                out.gain.insert(out.gain.end(), next.begin(), next.end());
                out.seen.insert(out.seen.end(), e.begin(), e.end());
            }
            out.element.push_back(elements.which[i]);
            out.noise.push_back(elements.noise[i]);
            out.error.push_back(v);
            out.row.insert(out.row.end(), z, z + m);
        }
        if (keep) {
            out.state.insert(out.state.end(), a.begin(), a.end());
            out.covariance.insert(out.covariance.end(), P.begin(), P.end());
            if (k == 0) {
                out.shares.emplace_back(A.size());
                turn(A.data(), static_cast<int>(A.size()) / m, m, out.shares.back().data());
            } else {
                out.shares.push_back(E);
            }
        }
        times(s.transition.at(t), m, m, a.data(), next.data());
        for (int j = 0; j < m; ++j) a[j] = next[j] + s.state_intercept.at(t)[j];
        congruence(transition, m, P, one, two);
        for (std::size_t j = 0; j < square; ++j) P[j] += V[j];
        if (k == 0) {
            move_directions(A, m, transition, room);
            if (A.empty()) return false;
        } else {
            one.resize(E.size());
            sparse_times(transition, m, E.data(), k, one.data());
            E.swap(one);
        }
        if (k > 0 && seen >= asked) {
            done = settled();
            asked = seen + std::max(k / 2, 4);
        }
    }
    if (k == 0 || (!done && !invert(S, k, POSITIVE, out.inverse, out.log_determinant))) return false;
    out.steps = t;
    out.directions = k;
    out.first.push_back(static_cast<std::int64_t>(out.variance.size()));
    out.delta.resize(k);
    times(out.inverse.data(), k, k, right.data(), out.delta.data());
    out.last_shares = E;
    out.totals.known -= k;
    out.totals.diffuse += k;
    out.totals.log_determinant += out.log_determinant;
    for (std::size_t i = 0, j = 0; i < out.variance.size(); ++i) {
        if (!(out.variance[i] > 0)) continue;
        const double error = out.error[i] - dot(out.seen.data() + j++ * k, out.delta.data(), k);
        out.totals.squares += error * error / out.variance[i];
    }
    out.mean = a;
    for (int j = 0; j < m; ++j) out.mean[j] += dot(E.data() + static_cast<std::size_t>(j) * k, out.delta.data(), k);
    one.resize(E.size());
    multiply(E.data(), out.inverse.data(), m, k, k, one.data());
    for (int i = 0; i < m; ++i)
        for (int j = 0; j <= i; ++j)
            P[i * m + j] = P[j * m + i] = P[i * m + j] + dot(one.data() + static_cast<std::size_t>(i) * k, E.data() + static_cast<std::size_t>(j) * k, k);
    out.start = P;
    out.rest = rest_of(s, t);
    out.rest.directions = 0;
    out.rest.mean = out.mean.data();
    out.rest.covariance = out.start.data();
    return true;
}

void refilter_augmented(const System& s, const double* y, const Augmented& phase, std::vector<double>& errors, std::vector<double>& mean) {
    const int m = s.states, k = phase.directions;
    std::vector<double> next(m), right(k, 0), delta(k);
    std::vector<double>& a = mean;
    a.assign(s.mean, s.mean + m);
    errors.assign(phase.variance.size(), 0);
    for (std::int64_t t = 0, j = 0; t < phase.steps; ++t) {
        for (std::int64_t i = phase.first[t]; i < phase.first[t + 1]; ++i) {
            errors[i] = y[t * s.series + phase.element[i]] - s.observation_intercept.at(t)[phase.element[i]] - dot(phase.row.data() + i * m, a.data(), m);
            for (int l = 0; l < m; ++l) a[l] += phase.gain[i * m + l] * errors[i];
            if (!(phase.variance[i] > 0)) continue;
            const double* e = phase.seen.data() + j++ * k;
            for (int l = 0; l < k; ++l) right[l] += e[l] * errors[i] / phase.variance[i];
        }
        times(s.transition.at(t), m, m, a.data(), next.data());
        for (int l = 0; l < m; ++l) a[l] = next[l] + s.state_intercept.at(t)[l];
    }
    times(phase.inverse.data(), k, k, right.data(), delta.data());
    for (int j = 0; j < m; ++j) a[j] += dot(phase.last_shares.data() + static_cast<std::size_t>(j) * k, delta.data(), k);
    for (std::size_t i = 0, j = 0; i < errors.size(); ++i)
        if (phase.variance[i] > 0) errors[i] -= dot(phase.seen.data() + j++ * k, delta.data(), k);
}

void smooth_augmented(const System& s, const double* y, const Augmented& phase, const double* start, const double* variances, const Smoothed& out) {
    const int m = s.states, p = s.series, q = s.disturbances, k = phase.directions;
    const std::size_t square = static_cast<std::size_t>(m) * m;
    std::vector<double> r(start, start + m), N(variances, variances + square), W = phase.inverse, U(static_cast<std::size_t>(m) * k), delta = phase.delta, state(m), Ur, w(m),
        along(m), one(square), two(square), three(square), V(square), P(square), TP(square), wide(static_cast<std::size_t>(m) * k), e(k), eW(k), QR(static_cast<std::size_t>(q) * m),
        room;
    {  // U = N E W0, W = W0 - W0 E' N E W0, delta += W0 E' r
        std::vector<double> EW(static_cast<std::size_t>(m) * k), turned(EW.size()), change(static_cast<std::size_t>(k) * k);
        multiply(phase.last_shares.data(), phase.inverse.data(), m, k, k, EW.data());
        multiply(N.data(), EW.data(), m, m, k, U.data());
        turn(EW.data(), m, k, turned.data());
        multiply(turned.data(), U.data(), k, m, k, change.data());
        for (std::size_t j = 0; j < W.size(); ++j) W[j] -= change[j];
        for (int l = 0; l < k; ++l) delta[l] += dot(turned.data() + static_cast<std::size_t>(l) * m, r.data(), m);
    }
    std::int64_t regressed = static_cast<std::int64_t>(phase.seen.size()) / k;  // elements with a row e
    Rows back, forth;
    Elements elements;
    elements.prepare(s);
    for (std::int64_t t = phase.steps - 1; t >= 0; --t) {
        if (t == phase.steps - 1 || s.transition.varies()) {
            back.read(s.transition.at(t), m, true);
            forth.read(s.transition.at(t), m, false);
        }
        const double *a = phase.state.data() + t * m, *filtered = phase.covariance.data() + t * square;
        const std::vector<double>& E = phase.shares[t];
        const bool wants = out.state || out.covariance || out.lagged || out.noise || out.noise_covariance || out.transition_products || out.transition_variances;
        // what follows from alpha_{t+1}
        if (out.disturbance || out.disturbance_covariance) {
            const double *selection = s.selection.at(t), *cov = s.state_covariance.at(t);
            for (int i = 0; i < q; ++i)
                for (int j = 0; j < m; ++j) {
                    QR[i * m + j] = 0;
                    for (int l = 0; l < q; ++l) QR[i * m + j] += cov[i * q + l] * selection[j * q + l];
                }
            for (int i = 0; i < q; ++i) {
                if (out.disturbance) out.disturbance[t * q + i] = dot(QR.data() + i * m, r.data(), m);
                if (!out.disturbance_covariance) continue;
                times(N.data(), m, m, QR.data() + i * m, w.data());
                for (int j = 0; j < q; ++j) out.disturbance_covariance[(t * q + i) * q + j] = cov[i * q + j] - dot(QR.data() + j * m, w.data(), m);
            }
        }
        for (int i = 0; out.state_squares && i < m; ++i)
            for (int j = 0; j < m; ++j) out.state_squares[i * m + j] += r[i] * r[j];
        for (std::size_t j = 0; out.state_variances && j < square; ++j) out.state_variances[j] += N[j];
        if (wants) {
            sparse_times(forth, m, filtered, m, TP.data());  // T P
            for (int j = 0; j < m; ++j) state[j] = a[j] + dot(E.data() + static_cast<std::size_t>(j) * k, delta.data(), k);
            for (int i = 0; i < m; ++i)
                for (int j = 0; j < m; ++j) state[j] += r[i] * TP[i * m + j];
            if (out.state) std::copy(state.begin(), state.end(), out.state + t * m);
            if (out.transition_products)
                for (int i = 0; i < m; ++i)
                    for (int j = 0; j < m; ++j) out.transition_products[i * m + j] += r[i] * state[j];
        }
        if (out.transition_variances || out.lagged) {
            multiply(N.data(), TP.data(), m, m, m, one.data());
            turn(E.data(), m, k, wide.data());
            multiply(U.data(), wide.data(), m, k, m, two.data());
            for (std::size_t j = 0; j < square; ++j) one[j] += two[j];  // N T P + U E'
            for (std::size_t j = 0; out.transition_variances && j < square; ++j) out.transition_variances[j] += one[j];
        }
        if (out.lagged) {  // T P - P+ (N T P + U E') + E+ W E' - E+ U' T P, with P+ and E+ = T E of t + 1
            double* lagged = out.lagged + t * square;
            P.assign(filtered, filtered + square);
            congruence(forth, m, P, two, three);
            disturbance_covariance(s, t, two.data(), room);
            for (std::size_t j = 0; j < square; ++j) P[j] += two[j];
            multiply(P.data(), one.data(), m, m, m, two.data());
            for (std::size_t j = 0; j < square; ++j) lagged[j] = TP[j] - two[j];
            std::vector<double> EW(static_cast<std::size_t>(m) * k), across(static_cast<std::size_t>(k) * m), moved(EW.size());
            multiply(E.data(), W.data(), m, k, k, EW.data());
            turn(EW.data(), m, k, across.data());  // W E'
            turn(U.data(), m, k, wide.data());
            std::vector<double> UTP(across.size());
            multiply(wide.data(), TP.data(), k, m, m, UTP.data());
            for (std::size_t j = 0; j < across.size(); ++j) across[j] -= UTP[j];
            sparse_times(forth, m, E.data(), k, moved.data());
            multiply(moved.data(), across.data(), m, k, m, two.data());
            for (std::size_t j = 0; j < square; ++j) lagged[j] += two[j];
        }
        // back over the transition
        product(back, m, r.data(), along.data());
        r = along;
        congruence(back, m, N, one, two);
        Ur.resize(U.size());
        sparse_times(back, m, U.data(), k, Ur.data());
        U.swap(Ur);
        if (out.covariance || out.noise || out.noise_covariance) {  // P - P N P + E W E' - P U E' - E U' P
            multiply(N.data(), filtered, m, m, m, one.data());
            multiply(filtered, one.data(), m, m, m, two.data());
            multiply(filtered, U.data(), m, m, k, wide.data());
            std::vector<double> EW(static_cast<std::size_t>(m) * k);
            multiply(E.data(), W.data(), m, k, k, EW.data());
            for (std::size_t j = 0; j < EW.size(); ++j) EW[j] = 0.5 * EW[j] - wide[j];
            for (int i = 0; i < m; ++i)
                for (int j = 0; j < m; ++j) three[i * m + j] = dot(EW.data() + static_cast<std::size_t>(i) * k, E.data() + static_cast<std::size_t>(j) * k, k);
            for (int i = 0; i < m; ++i)
                for (int j = 0; j < m; ++j) V[i * m + j] = filtered[i * m + j] - 0.5 * (two[i * m + j] + two[j * m + i]) + three[i * m + j] + three[j * m + i];
            if (out.covariance) std::copy(V.begin(), V.end(), out.covariance + t * square);
        }
        if (out.noise || out.noise_covariance) {
            elements.read(s, t, y + t * p);
            noise_given_state(s, t, y + t * p, elements, state.data(), V.data(), out.noise ? out.noise + t * p : nullptr, out.noise_covariance ? out.noise_covariance + t * p * p : nullptr);
        }
        // back over the observations
        for (std::int64_t i = phase.first[t + 1] - 1; i >= phase.first[t]; --i) {
            const double *z = phase.row.data() + i * m, *K = phase.gain.data() + i * m, F = phase.variance[i];
            times(N.data(), m, m, K, w.data());
            double u = -dot(K, r.data(), m), D = dot(K, w.data(), m), weight = D;
            if (F > 0) {
                const double* row = phase.seen.data() + --regressed * k;
                times(W.data(), k, k, row, eW.data());
                const double share = dot(row, eW.data(), k) / (F * F);
                times(U.data(), m, k, row, along.data());  // U e', then L' U e'
                const double Ku = dot(K, along.data(), m);
                u += (phase.error[i] - dot(row, delta.data(), k)) / F;
                D += 1 / F - share + 2 * Ku / F;
                weight += 1 / F - share;
                for (int j = 0; j < m; ++j) w[j] += (along[j] - z[j] * Ku) / F;
                // U <- z' e W / F + U - z' (K' U)
                for (int l = 0; l < k; ++l) {
                    e[l] = eW[l] / F;
                    for (int j = 0; j < m; ++j) e[l] -= K[j] * U[static_cast<std::size_t>(j) * k + l];
                }
            } else {
                for (int l = 0; l < k; ++l) {
                    e[l] = 0;
                    for (int j = 0; j < m; ++j) e[l] -= K[j] * U[static_cast<std::size_t>(j) * k + l];
                }
            }
            for (int j = 0; j < m; ++j)
                for (int l = 0; z[j] != 0 && l < k; ++l) U[static_cast<std::size_t>(j) * k + l] += z[j] * e[l];
            for (int j = 0; j < m; ++j)
                for (int l = 0; l < m; ++l) N[j * m + l] += z[j] * z[l] * weight - (z[j] * w[l] + w[j] * z[l]);
            for (int j = 0; j < m; ++j) r[j] += z[j] * u;
            if (out.noise_squares) out.noise_squares[phase.element[i]] += u * u;
            if (out.noise_variances) out.noise_variances[phase.element[i]] += D;
        }
    }
    if (out.start_squares)
        for (int i = 0; i < m; ++i)
            for (int j = 0; j < m; ++j) out.start_squares[i * m + j] = r[i] * r[j];
    if (out.start_variances) std::copy(N.begin(), N.end(), out.start_variances);
}

}  // namespace inorder
