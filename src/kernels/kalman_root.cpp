// The square-root form: the filter and the smoother carry roots, P = S S', which cannot lose their sign, and in which a model may be
// as ill-conditioned as 1e15 before digits are lost that the covariances themselves would have lost at 1e8.
//
// Forwards, an observation changes S by Potter's formula, and a step compresses (T S, R Q^1/2) to a triangle by Householder reflections.
// Backwards, the joint root of (alpha_{t+1}; alpha_t; u_t) given y_1 … y_t is brought to a staircase in alpha_{t+1}:
//
//     ( T S   R Q^1/2 )         ( D  0 )                 alpha_t = a + J (alpha_{t+1} - a_{t+1}) + B x,   J D = G
//     (  S      0     )   ->    ( G  B )                 V_t = B B' + J V_{t+1} J'
//     (  0     Q^1/2  )
//
// so that no difference of covariances is ever taken. Diffuse directions are columns with an infinite weight: they are eliminated first.
//
// Source: Kailath, Sayed & Hassibi 2000, Linear Estimation, ch. 12; Bierman 1977, Factorization Methods for Discrete Sequential
// Estimation, ch. 5; Park & Kailath 1995, New square-root smoothing algorithms.

#include <limits>

#include "kalman_parts.hpp"

namespace inorder {
namespace {

constexpr double NO_PIVOT = 1e-12;  // a row with a smaller share left depends on the rows above it

using Columns = std::vector<std::vector<double>>;  // of a root S, P = sum of s s'

double length(const std::vector<double>& x, int size) {
    double sum = 0;
    for (int j = 0; j < size; ++j) sum += x[j] * x[j];
    return std::sqrt(sum);
}

void covariance(const Columns& root, int first, int size, double* out) {
    std::fill(out, out + size * size, 0);
    for (const auto& column : root)
        for (int i = 0; i < size; ++i)
            for (int j = 0; j < size; ++j) out[i * size + j] += column[first + i] * column[first + j];
}

// Reflect columns[from …] so that all but columns[from] are zero in a row. Only entries from `row` on change, those above being zero already.
void reflect(Columns& columns, std::size_t from, int row, int size) {
    double norm = 0, rest = 0;
    for (std::size_t k = from; k < columns.size(); ++k) {
        norm += columns[k][row] * columns[k][row];
        if (k > from) rest += columns[k][row] * columns[k][row];
    }
    if (rest == 0) return;
    std::vector<double> u(columns.size() - from), sum(size, 0);
    for (std::size_t k = from; k < columns.size(); ++k) u[k - from] = columns[k][row];
    u[0] += std::copysign(std::sqrt(norm), u[0]);
    double square = 0;
    for (const double x : u) square += x * x;
    for (std::size_t k = from; k < columns.size(); ++k)
        for (int j = row; j < size; ++j) sum[j] += u[k - from] * columns[k][j];
    for (std::size_t k = from; k < columns.size(); ++k)
        for (int j = row; j < size; ++j) columns[k][j] -= 2 * u[k - from] / square * sum[j];
    for (std::size_t k = from + 1; k < columns.size(); ++k) columns[k][row] = 0;
}

// At most `size` columns with the same covariance.
void compress(Columns& columns, int size) {
    for (int i = 0; i < size && static_cast<std::size_t>(i) < columns.size(); ++i) reflect(columns, i, i, size);
    if (columns.size() > static_cast<std::size_t>(size)) columns.resize(size);
}

// The columns of a lower triangular root of a positive semidefinite matrix; zero columns are left out.
Columns root_of(const double* x, int size) {
    Columns root;
    std::vector<double> left(x, x + size * size);
    for (int j = 0; j < size; ++j) {
        if (!(left[j * size + j] > CERTAIN * x[j * size + j])) continue;
        std::vector<double> column(size, 0);
        const double pivot = std::sqrt(left[j * size + j]);
        for (int i = j; i < size; ++i) column[i] = left[i * size + j] / pivot;
        for (int i = j; i < size; ++i)
            for (int k = j; k < size; ++k) left[i * size + k] -= column[i] * column[k];
        root.push_back(column);
    }
    return root;
}

std::vector<double> times(const double* matrix, int rows, int columns, const std::vector<double>& x) {
    std::vector<double> out(rows, 0);
    for (int i = 0; i < rows; ++i)
        for (int j = 0; j < columns; ++j) out[i] += matrix[i * columns + j] * x[j];
    return out;
}

double inner(const double* x, const std::vector<double>& y) {
    double sum = 0;
    for (std::size_t j = 0; j < y.size(); ++j) sum += x[j] * y[j];
    return sum;
}

struct Step {  // after the observations of a step
    Columns root, directions;
    std::vector<double> state, next;  // a; the predicted state of the next step
};

// The staircase of (alpha_{t+1}; alpha_t; u_t): J, by the pivot rows of alpha_{t+1} that it takes, and B.
struct Staircase {
    std::vector<int> rows;
    Columns share, rest;

    Staircase(const System& s, std::int64_t t, const Step& step) {
        const int m = s.states, q = s.disturbances, size = 2 * m + q;
        const double *T = s.transition.at(t), *R = s.selection.at(t);
        Columns infinite, finite, pivots;
        const auto stack = [&](const std::vector<double>& state) {
            std::vector<double> column = times(T, m, m, state);
            column.insert(column.end(), state.begin(), state.end());
            column.resize(size, 0);
            return column;
        };
        double longest = 0;
        for (const auto& direction : step.directions) {
            infinite.push_back(stack(direction));
            longest = std::max(longest, length(infinite.back(), m));
        }
        for (const auto& column : step.root) finite.push_back(stack(column));
        for (const auto& u : root_of(s.state_covariance.at(t), q)) {
            std::vector<double> column = times(R, m, q, u);
            column.resize(2 * m, 0);
            column.insert(column.end(), u.begin(), u.end());
            finite.push_back(column);
        }
        std::vector<double> whole(m, 0);
        for (const auto& column : finite)
            for (int i = 0; i < m; ++i) whole[i] += column[i] * column[i];
        std::size_t used_infinite = 0, used = 0;
        for (int i = 0; i < m; ++i) {
            double norm = 0;
            for (std::size_t k = used_infinite; k < infinite.size(); ++k) norm += infinite[k][i] * infinite[k][i];
            if (norm > SEEN * SEEN * longest * longest) {
                reflect_whole(infinite, used_infinite, i);
                const std::vector<double>& pivot = infinite[used_infinite++];
                for (std::size_t k = used; k < finite.size(); ++k) {
                    const double part = finite[k][i] / pivot[i];
                    for (int j = 0; j < size; ++j) finite[k][j] -= part * pivot[j];
                    finite[k][i] = 0;
                }
                rows.push_back(i);
                pivots.push_back(pivot);
                continue;
            }
            norm = 0;
            for (std::size_t k = used; k < finite.size(); ++k) norm += finite[k][i] * finite[k][i];
            if (!(norm > NO_PIVOT * NO_PIVOT * whole[i])) continue;
            reflect_whole(finite, used, i);
            rows.push_back(i);
            pivots.push_back(finite[used++]);
        }
        for (std::size_t k = used; k < finite.size(); ++k) rest.emplace_back(finite[k].begin() + m, finite[k].end());
        share.resize(rows.size());
        for (std::size_t j = rows.size(); j-- > 0;) {  // J D = G, from the last pivot back
            share[j].assign(pivots[j].begin() + m, pivots[j].end());
            for (std::size_t l = j + 1; l < rows.size(); ++l)
                for (int i = 0; i < m + q; ++i) share[j][i] -= share[l][i] * pivots[j][rows[l]];
            for (int i = 0; i < m + q; ++i) share[j][i] /= pivots[j][rows[j]];
        }
    }

    // As `reflect`, where rows above that had no pivot need not be zero.
    static void reflect_whole(Columns& columns, std::size_t from, int row) {
        double norm = 0;
        for (std::size_t k = from; k < columns.size(); ++k) norm += columns[k][row] * columns[k][row];
        const std::size_t size = columns[from].size();
        std::vector<double> u(columns.size() - from), sum(size, 0);
        for (std::size_t k = from; k < columns.size(); ++k) u[k - from] = columns[k][row];
        u[0] += std::copysign(std::sqrt(norm), u[0]);
        double square = 0;
        for (const double x : u) square += x * x;
        for (std::size_t k = from; k < columns.size(); ++k)
            for (std::size_t j = 0; j < size; ++j) sum[j] += u[k - from] * columns[k][j];
        for (std::size_t k = from; k < columns.size(); ++k)
            for (std::size_t j = 0; j < size; ++j) columns[k][j] -= 2 * u[k - from] / square * sum[j];
        for (std::size_t k = from + 1; k < columns.size(); ++k) columns[k][row] = 0;
    }

    // (m + r,) what alpha_t and u_t take of a change of alpha_{t+1}
    std::vector<double> back(const std::vector<double>& change) const {
        std::vector<double> out(share.empty() ? 0 : share[0].size(), 0);
        for (std::size_t j = 0; j < rows.size(); ++j)
            for (std::size_t i = 0; i < out.size(); ++i) out[i] += share[j][i] * change[rows[j]];
        return out;
    }
};

void smooth_roots(const System& s, const double* y, const std::vector<Step>& steps, Columns last, const Smoothed& out) {
    const int m = s.states, p = s.series, q = s.disturbances;
    std::vector<double> state, V(static_cast<std::size_t>(m) * m);
    if (s.time) state = steps.back().next;
    Elements elements;
    elements.prepare(s);
    for (std::int64_t t = s.time - 1; t >= 0; --t) {
        const Step& step = steps[t];
        const Staircase stairs(s, t, step);
        std::vector<double> change(m);
        for (int j = 0; j < m; ++j) change[j] = state[j] - step.next[j];
        std::vector<double> moved = stairs.back(change);
        moved.resize(m + q, 0);
        Columns both = stairs.rest;
        for (const auto& column : last) {
            both.push_back(stairs.back(column));
            both.back().resize(m + q, 0);
        }
        if (out.disturbance) std::copy(moved.begin() + m, moved.end(), out.disturbance + t * q);
        if (out.disturbance_covariance) covariance(both, m, q, out.disturbance_covariance + t * q * q);
        if (out.lagged) {  // V_{t+1} J'
            double* lagged = out.lagged + t * m * m;
            std::fill(lagged, lagged + m * m, 0);
            for (std::size_t k = 0; k < last.size(); ++k) {
                const std::vector<double>& taken = both[stairs.rest.size() + k];
                for (int i = 0; i < m; ++i)
                    for (int j = 0; j < m; ++j) lagged[i * m + j] += last[k][i] * taken[j];
            }
        }
        state.resize(m);
        for (int j = 0; j < m; ++j) state[j] = step.state[j] + moved[j];
        for (auto& column : both) column.resize(m);
        compress(both, m);
        last = std::move(both);
        covariance(last, 0, m, V.data());
        if (out.state) std::copy(state.begin(), state.end(), out.state + t * m);
        if (out.covariance) std::copy(V.begin(), V.end(), out.covariance + t * m * m);
        if (!out.noise && !out.noise_covariance) continue;
        elements.read(s, t, y + t * p);
        noise_given_state(s, t, y + t * p, elements, state.data(), V.data(), out.noise ? out.noise + t * p : nullptr, out.noise_covariance ? out.noise_covariance + t * p * p : nullptr);
    }
}

}  // namespace

void root_filter_and_smooth(const System& s, const double* y, Filtered& out, const Smoothed* back) {
    const int m = s.states, p = s.series;
    const std::size_t square = static_cast<std::size_t>(m) * m;
    std::vector<double> a(s.mean, s.mean + m), A(s.diffuse, s.diffuse + static_cast<std::size_t>(s.directions) * m), g, room, M(m), one;
    Columns S = root_of(s.covariance, m);
    std::vector<Step> steps;
    Elements elements;
    elements.prepare(s);
    Rows transition;
    out.totals = Totals();
    for (std::int64_t t = 0; t < s.time; ++t) {
        const double *Z = s.design.at(t), *d = s.observation_intercept.at(t), *h = s.observation_covariance.at(t), *T = s.transition.at(t),
                     *R = s.selection.at(t), *c = s.state_intercept.at(t);
        if (t == 0 || s.transition.varies()) transition.read(T, m, false);
        elements.read(s, t, y + t * p);
        if (!A.empty()) {
            out.diffuse_steps = t + 1;
            outer(A, m, one);
            out.diffuse_covariances.insert(out.diffuse_covariances.end(), one.begin(), one.end());
        }
        if (out.predicted) std::copy(a.begin(), a.end(), out.predicted + t * m);
        if (out.predicted_covariance) covariance(S, 0, m, out.predicted_covariance + t * square);
        for (int i = 0; out.forecast && i < p; ++i) out.forecast[t * p + i] = inner(Z + i * m, a) + d[i];
        for (int i = 0; out.forecast_covariance && i < p; ++i) {
            for (int j = 0; j < p; ++j) {
                double sum = h[i * p + j], infinite = 0;
                for (const auto& column : S) sum += inner(Z + i * m, column) * inner(Z + j * m, column);
                if (i == j && !A.empty() && sees(A, m, Z + i * m, g, infinite)) sum = std::numeric_limits<double>::infinity();
                out.forecast_covariance[(t * p + i) * p + j] = sum;
            }
        }
        Totals here;
        for (int i = 0; i < elements.count; ++i) {
            const double* z = elements.row.data() + i * m;
            const double v = elements.value[i] - inner(z, a), noise = elements.noise[i];
            double F = noise, terms = noise, F_inf = 0;
            std::fill(M.begin(), M.end(), 0);
            std::vector<double> f;
            for (const auto& column : S) {
                f.push_back(inner(z, column));
                F += f.back() * f.back();
                for (int j = 0; j < m; ++j) {
                    terms += z[j] * z[j] * column[j] * column[j];
                    M[j] += f.back() * column[j];
                }
            }
            if (!A.empty() && sees(A, m, z, g, F_inf)) {  // S <- ((I - K z') S, K h^1/2)
                std::vector<double> K(m, 0);
                for (std::size_t k = 0; k < g.size(); ++k)
                    for (int j = 0; j < m; ++j) K[j] += g[k] * A[k * m + j] / F_inf;
                for (int j = 0; j < m; ++j) a[j] += K[j] * v;
                for (std::size_t k = 0; k < S.size(); ++k)
                    for (int j = 0; j < m; ++j) S[k][j] -= f[k] * K[j];
                for (int j = 0; j < m; ++j) K[j] *= std::sqrt(noise);
                if (noise > 0) S.push_back(K);
                forget_direction(A, m, g, room);
                here.log_determinant += std::log(F_inf);
                ++here.diffuse;
            } else if (F > CERTAIN * CERTAIN * terms) {  // a root keeps twice as many digits
                const double share = 1 / (F + std::sqrt(noise * F));
                for (int j = 0; j < m; ++j) a[j] += M[j] / F * v;
                for (std::size_t k = 0; k < S.size(); ++k)
                    for (int j = 0; j < m; ++j) S[k][j] -= f[k] * share * M[j];
                here.squares += v * v / F;
                here.log_determinant += std::log(F);
                ++here.known;
            }
        }
        if (out.loglik) out.loglik[t] = here.loglik();
        out.totals.squares += here.squares;
        out.totals.log_determinant += here.log_determinant;
        out.totals.known += here.known;
        out.totals.diffuse += here.diffuse;
        if (out.filtered) std::copy(a.begin(), a.end(), out.filtered + t * m);
        if (out.filtered_covariance) covariance(S, 0, m, out.filtered_covariance + t * square);
        Step step;
        if (back) {
            step.root = S;
            step.state = a;
            for (std::size_t k = 0; k < A.size() / m; ++k) step.directions.emplace_back(A.begin() + k * m, A.begin() + (k + 1) * m);
        }
        a = times(T, m, m, a);
        for (int j = 0; j < m; ++j) a[j] += c[j];
        for (auto& column : S) column = times(T, m, m, column);
        for (const auto& u : root_of(s.state_covariance.at(t), s.disturbances)) S.push_back(times(R, m, s.disturbances, u));
        compress(S, m);
        if (!A.empty()) move_directions(A, m, transition, room);
        if (back) {
            step.next = a;
            steps.push_back(std::move(step));
        }
    }
    if (out.predicted) std::copy(a.begin(), a.end(), out.predicted + s.time * m);
    if (out.predicted_covariance) covariance(S, 0, m, out.predicted_covariance + s.time * square);
    out.last = a;
    out.last_covariance.resize(square);
    covariance(S, 0, m, out.last_covariance.data());
    out.directions = A;
    if (back) smooth_roots(s, y, steps, S, *back);
}

}  // namespace inorder
