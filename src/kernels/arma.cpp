#include "arma.hpp"

#include <algorithm>
#include <cmath>

#include "arma_steps.hpp"
#include "clones.hpp"

namespace inorder {
namespace {

constexpr int TAPE = 16384;            // numbers of K and of L that the gradient keeps at a time
constexpr double DEPENDENT = 1e-11;    // a pivot that rounding has left, relative to its column

double fold(const double* lanes) { return ((lanes[0] + lanes[4]) + (lanes[1] + lanes[5])) + ((lanes[2] + lanes[6]) + (lanes[3] + lanes[7])); }

INORDER_CLONES double dot(const double* INORDER_RESTRICT x, const double* INORDER_RESTRICT y, std::int64_t n) {
    double sum[LANES] = {0};
    std::int64_t t = 0;
    for (; t + LANES <= n; t += LANES) {
        for (int k = 0; k < LANES; ++k) sum[k] += x[t + k] * y[t + k];
    }
    double rest = 0;
    for (; t < n; ++t) rest += x[t] * y[t];
    return fold(sum) + rest;
}

INORDER_CLONES double weighted(const double* INORDER_RESTRICT x, const double* INORDER_RESTRICT y, const double* INORDER_RESTRICT weight, std::int64_t n) {
    double sum[LANES] = {0};
    std::int64_t t = 0;
    for (; t + LANES <= n; t += LANES) {
        for (int k = 0; k < LANES; ++k) sum[k] += x[t + k] * y[t + k] * weight[t + k];
    }
    double rest = 0;
    for (; t < n; ++t) rest += x[t] * y[t] * weight[t];
    return fold(sum) + rest;
}

// Of numbers of which none is larger than the one before: by products, one logarithm for many.
double sum_of_logarithms(const double* x, std::int64_t n) {
    constexpr int CHAINS = 4, BLOCK = 16;
    double sum = 0;
    std::int64_t t = 0;
    while (t < n && !(x[t] < 1e30)) sum += std::log(x[t++]);
    double product[CHAINS] = {1, 1, 1, 1};
    for (; t + BLOCK <= n; t += BLOCK) {
        for (int i = 0; i < BLOCK; i += CHAINS) {
            for (int k = 0; k < CHAINS; ++k) product[k] *= x[t + i + k];
        }
        if (product[0] * product[1] < 1e100 && product[2] * product[3] < 1e100) continue;
        for (double& one : product) sum += std::log(one), one = 1;
    }
    for (; t < n; ++t) {
        product[0] *= x[t];
        if (!(product[0] < 1e100)) sum += std::log(product[0]), product[0] = 1;
    }
    return sum + std::log(product[0] * product[1]) + std::log(product[2] * product[3]);
}

int padded(int r) { return std::max(LANES, (r + LANES - 1) / LANES * LANES); }

std::vector<Term> expand(const double* inner, int count, const double* outer, int seasons, int s, double sign) {
    std::vector<Term> terms;
    terms.reserve((static_cast<std::size_t>(count) + 1) * (seasons + 1));
    for (int j = 0; j <= seasons; ++j) {
        const double b = j ? sign * outer[j - 1] : 1;
        for (int i = j ? 0 : 1; i <= count; ++i) {
            const int lag = j * s + i;
            const double value = sign * (b * (i ? sign * inner[i - 1] : 1));
            auto place = terms.end();  // after a full season of inner terms they come in their order
            while (place != terms.begin() && (place - 1)->lag >= lag) --place;
            if (place != terms.end() && place->lag == lag) {
                place->value += value;
            } else {
                terms.insert(place, {lag, value});
            }
        }
    }
    return terms;
}

// From derivatives by lag to those of the factors.
void contract(const double* by_lag, const double* inner, int count, const double* outer, int seasons, int s, double sign, double* inner_bar, double* outer_bar) {
    for (int j = 0; j <= seasons; ++j) {
        const double b = j ? sign * outer[j - 1] : 1;
        for (int i = 0; i <= count; ++i) {
            if (i == 0 && j == 0) continue;
            const double bar = by_lag[j * s + i - 1];
            if (i) inner_bar[i - 1] += b * bar;
            if (j) outer_bar[j - 1] += (i ? sign * inner[i - 1] : 1) * bar;
        }
    }
}

}  // namespace

std::vector<Term> expand_ar(const Orders& o, const double* c) { return expand(c, o.p, c + o.p + o.q, o.P, o.s, -1); }
std::vector<Term> expand_ma(const Orders& o, const double* c) { return expand(c + o.p, o.q, c + o.p + o.q + o.P, o.Q, o.s, 1); }

// --- the stationary start ---
//
// Step down (reverse Levinson) from phi = A[p] to the reflections k[j] = A[j][j], then up to the autocovariances x of the AR part:
//
//     A[j-1][i] = (A[j][i] + k[j] A[j][j-i]) / (1 - k[j]^2),   x[0] = 1 / prod (1 - k^2),   x[j] = k[j] v[j-1] + sum A[j-1][i] x[j-i]
//
// c: those of the MA part; w[h] = c[0] x[h] + sum c[k] (x[h+k] + x[h-k]); psi: weights of the noise;
// K[i] = sum over j >= i of phi[j] w[j-i] + theta[j] psi[j-i].

bool Start::make(int r, const std::vector<Term>& ar, const std::vector<Term>& ma, double* gain, double& variance) {
    r_ = r;
    ar_ = ar;
    ma_ = ma;
    p_ = ar.empty() ? 0 : ar.back().lag;
    q_ = ma.empty() ? 0 : ma.back().lag;
    x_.assign(static_cast<std::size_t>(r) + q_ + 1, 0.0);
    const int last = static_cast<int>(x_.size()) - 1;
    reflection_.resize(p_ + 1);
    if (table_.size() < static_cast<std::size_t>(p_ + 1) * p_) table_.resize(static_cast<std::size_t>(p_ + 1) * p_);
    const auto row = [&](int j) { return table_.data() + static_cast<std::size_t>(j) * p_; };
    double x0 = 1;
    if (p_) {
        std::fill(row(p_), row(p_) + p_, 0.0);
        for (const Term& term : ar) row(p_)[term.lag - 1] = term.value;
    }
    for (int j = p_; j > 0; --j) {
        const double* INORDER_RESTRICT from = row(j);
        double* INORDER_RESTRICT to = row(j - 1);
        const double k = reflection_[j] = from[j - 1], d = 1 - k * k;
        if (!(d > 1e-12)) return false;
        x0 /= d;
        const double inverse = 1 / d;
        for (int i = 0; i < j - 1; ++i) to[i] = (from[i] + k * from[j - 2 - i]) * inverse;
    }
    if (!std::isfinite(x0)) return false;
    x_[0] = x0;
    double v = x0;
    for (int j = 1; j <= std::min(p_, last); ++j) {
        const double k = reflection_[j], *from = row(j - 1);
        double sum = k * v;
        for (int i = 0; i < j - 1; ++i) sum += from[i] * x_[j - 1 - i];
        x_[j] = sum;
        v *= 1 - k * k;
    }
    for (int j = p_ + 1; j <= last && p_; ++j) {
        double sum = 0;
        for (const Term& term : ar) sum += term.value * x_[j - term.lag];
        x_[j] = sum;
    }
    c_.assign(q_ + 1, 0.0);
    lagged_.assign(q_ + 1, 0);
    c_[0] = 1;
    for (std::size_t a = 0; a < ma.size(); ++a) {
        c_[ma[a].lag] += ma[a].value;
        lagged_[ma[a].lag] = 1;
        for (std::size_t b = 0; b <= a; ++b) {
            c_[ma[a].lag - ma[b].lag] += ma[a].value * ma[b].value;
            lagged_[ma[a].lag - ma[b].lag] = 1;
        }
    }
    w_.assign(std::max(p_, 1), 0.0);
    for (int h = 0; h < static_cast<int>(w_.size()); ++h) w_[h] = c_[0] * x_[h];
    for (int k = 1; k <= q_; ++k) {
        if (!lagged_[k]) continue;
        for (int h = 0; h < static_cast<int>(w_.size()); ++h) w_[h] += c_[k] * (x_[h + k] + x_[std::abs(h - k)]);
    }
    psi_.assign(std::max(q_, 1), 0.0);
    psi_[0] = 1;
    for (const Term& term : ma) {
        if (term.lag < q_) psi_[term.lag] = term.value;
    }
    for (int k = 1; k < q_; ++k) {
        for (const Term& term : ar) {
            if (term.lag > k) break;
            psi_[k] += term.value * psi_[k - term.lag];
        }
    }
    std::fill(gain, gain + r, 0.0);
    for (const Term& term : ar) {
        for (int i = 0; i < term.lag; ++i) gain[i] += term.value * w_[term.lag - 1 - i];
    }
    for (const Term& term : ma) {
        for (int i = 0; i < term.lag; ++i) gain[i] += term.value * psi_[term.lag - 1 - i];
    }
    variance = w_[0];
    return std::isfinite(variance) && variance > 0;
}

void Start::reverse(const double* gain, double variance, double* ar, double* ma) {
    std::vector<double> w(w_.size(), 0.0), psi(psi_.size(), 0.0), x(x_.size(), 0.0), c(c_.size(), 0.0);
    w[0] = variance;
    for (const Term& term : ar_) {
        double sum = 0;
        for (int i = 0; i < term.lag; ++i) {
            sum += gain[i] * w_[term.lag - 1 - i];
            w[term.lag - 1 - i] += term.value * gain[i];
        }
        ar[term.lag - 1] += sum;
    }
    for (const Term& term : ma_) {
        double sum = 0;
        for (int i = 0; i < term.lag; ++i) {
            sum += gain[i] * psi_[term.lag - 1 - i];
            psi[term.lag - 1 - i] += term.value * gain[i];
        }
        ma[term.lag - 1] += sum;
    }
    for (int k = q_ - 1; k > 0; --k) {
        for (const Term& term : ar_) {
            if (term.lag > k) break;
            ar[term.lag - 1] += psi[k] * psi_[k - term.lag];
            psi[k - term.lag] += term.value * psi[k];
        }
    }
    for (const Term& term : ma_) {
        if (term.lag < q_) ma[term.lag - 1] += psi[term.lag];
    }
    for (int h = 0; h < static_cast<int>(w.size()); ++h) {
        c[0] += w[h] * x_[h];
        x[h] += w[h] * c_[0];
    }
    for (int k = 1; k <= q_; ++k) {
        if (!lagged_[k]) continue;
        for (int h = 0; h < static_cast<int>(w.size()); ++h) {
            const int back = std::abs(h - k);
            c[k] += w[h] * (x_[h + k] + x_[back]);
            x[h + k] += w[h] * c_[k];
            x[back] += w[h] * c_[k];
        }
    }
    for (std::size_t a = 0; a < ma_.size(); ++a) {
        ma[ma_[a].lag - 1] += c[ma_[a].lag];
        for (std::size_t b = 0; b <= a; ++b) {
            const double bar = c[ma_[a].lag - ma_[b].lag];
            ma[ma_[a].lag - 1] += bar * ma_[b].value;
            ma[ma_[b].lag - 1] += bar * ma_[a].value;
        }
    }
    if (p_ == 0) return;
    const int last = static_cast<int>(x_.size()) - 1;
    for (int j = last; j > p_; --j) {
        for (const Term& term : ar_) {
            ar[term.lag - 1] += x[j] * x_[j - term.lag];
            x[j - term.lag] += term.value * x[j];
        }
    }
    const auto row = [&](int j) { return table_.data() + static_cast<std::size_t>(j) * p_; };
    std::vector<double> before(p_ + 1), k_bar(p_ + 1, 0.0), d_bar(p_ + 1, 0.0);  // before[j] = v[j]
    before[0] = x_[0];
    for (int j = 1; j <= p_; ++j) before[j] = before[j - 1] * (1 - reflection_[j] * reflection_[j]);
    double v_bar = 0;
    for (int j = std::min(p_, last); j > 0; --j) {
        const double k = reflection_[j], bar = x[j], *from = row(j - 1);
        d_bar[j] += v_bar * before[j - 1];
        v_bar = v_bar * (1 - k * k) + k * bar;
        k_bar[j] += bar * before[j - 1];
        for (int i = 0; i < j - 1; ++i) x[j - 1 - i] += bar * from[i];
    }
    const double first = x[0] + v_bar;
    std::vector<double> here(p_, 0.0), above(p_, 0.0);  // adjoints of A[j-1] and A[j]
    for (int j = 1; j <= p_; ++j) {
        const double k = reflection_[j], d = 1 - k * k, bar = j <= last ? x[j] : 0, *from = row(j), *to = row(j - 1);
        std::fill(above.begin(), above.begin() + j, 0.0);
        double along = 0, shrink = d_bar[j] - first * x_[0] / d;
        for (int i = 0; i < j - 1; ++i) {
            const double share = (here[i] + bar * x_[j - 1 - i]) / d;
            above[i] += share;
            above[j - 2 - i] += k * share;
            along += share * from[j - 2 - i];
            shrink -= share * to[i];
        }
        above[j - 1] += k_bar[j] + along - 2 * k * shrink;
        std::swap(here, above);
    }
    for (const Term& term : ar_) ar[term.lag - 1] += here[term.lag - 1];
}

// P[i][j] = sum over a > i, b > j of the covariances of phi[a] w[t+i-a] + theta[a] e[t+i-a], summed from the far end:
// P[i][j] = P[i+1][j+1] + phi[i] K'[j] + … is the stationary equation P = T P T' + R R' itself, with K = T P Z' + R known.
void Start::covariance(std::vector<double>& P) const {
    const int r = r_;
    std::vector<double> phi(r, 0.0), R(r, 0.0), Z(r, 0.0);
    for (const Term& term : ar_) phi[term.lag - 1] += term.value, R[term.lag - 1] += term.value;
    for (const Term& term : ma_) R[term.lag - 1] += term.value;
    // K[i] = phi[i] p[0] + p[i+1] + R[i] with p the first column of P
    std::vector<double> gain(r), p(r + 1, 0.0);
    for (const Term& term : ar_) {
        for (int i = 0; i < term.lag; ++i) gain[i] += term.value * w_[term.lag - 1 - i];
    }
    for (const Term& term : ma_) {
        for (int i = 0; i < term.lag; ++i) gain[i] += term.value * psi_[term.lag - 1 - i];
    }
    p[0] = w_[0] - 1;
    for (int i = 0; i + 1 < r; ++i) p[i + 1] = gain[i] - R[i] - phi[i] * p[0];
    P.assign(static_cast<std::size_t>(r) * r, 0.0);
    for (int i = r - 1; i >= 0; --i) {
        for (int j = i; j >= 0; --j) {
            const double next = i + 1 < r && j + 1 < r ? P[static_cast<std::size_t>(i + 1) * r + j + 1] : 0;
            const double value = next + phi[i] * p[j + 1] + phi[j] * (p[i + 1] + phi[i] * p[0]) + R[i] * R[j];
            P[static_cast<std::size_t>(i) * r + j] = P[static_cast<std::size_t>(j) * r + i] = value;
        }
    }
}

// --- generalised least squares ---

void Concentrated::solve(const std::vector<double>& gram, int count, int integrated_columns) {
    const int k = count - 1;
    beta.assign(k, 0.0);
    factor.assign(static_cast<std::size_t>(k) * k, 0.0);
    determinant = 0;
    integrated = 0;
    for (int i = 0; i < k; ++i) {
        double* row = factor.data() + static_cast<std::size_t>(i) * k;
        for (int j = 0; j <= i; ++j) {
            const double* other = factor.data() + static_cast<std::size_t>(j) * k;
            double sum = gram[static_cast<std::size_t>(i + 1) * count + j + 1];
            for (int l = 0; l < j; ++l) sum -= row[l] * other[l];
            if (j < i) {
                row[j] = other[j] > 0 ? sum / other[j] : 0;
            } else if (sum > DEPENDENT * gram[static_cast<std::size_t>(i + 1) * count + i + 1]) {
                row[i] = std::sqrt(sum);
                if (i < integrated_columns) determinant += std::log(sum), ++integrated;
            } else {
                std::fill(row, row + k, 0.0);
            }
        }
        double sum = gram[i + 1];
        for (int l = 0; l < i; ++l) sum -= row[l] * beta[l];
        beta[i] = row[i] > 0 ? sum / row[i] : 0;
    }
    for (int i = k - 1; i >= 0; --i) {
        double sum = beta[i];
        for (int l = i + 1; l < k; ++l) sum -= factor[static_cast<std::size_t>(l) * k + i] * beta[l];
        const double pivot = factor[static_cast<std::size_t>(i) * k + i];
        beta[i] = pivot > 0 ? sum / pivot : 0;
    }
}

// --- the likelihood ---

double Arma::value(const Orders& orders, const double* coefficients) {
    const int columns = data_.count();
    const std::int64_t n = data_.n;
    coefficients_.assign(coefficients, coefficients + orders.count());
    ar_ = expand_ar(orders, coefficients);
    ma_ = expand_ma(orders, coefficients);
    orders_ = orders;
    r_ = orders.state();
    width_ = padded(r_);
    segment_ = std::max<std::int64_t>(16, TAPE / width_);
    const std::size_t row = static_cast<std::size_t>(width_), marks = static_cast<std::size_t>((n + segment_ - 1) / segment_ + 1) * 2 * row;
    const std::size_t dense = 3 * row + LANES + columns * (row + LANES), length = static_cast<std::size_t>(n);
    work_.resize(dense + marks + (columns + 2) * length);
    phi_ = work_.data();
    std::fill(phi_, phi_ + dense, 0.0);
    gain_ = phi_ + row;
    change_ = gain_ + row;
    double* state = change_ + row + LANES;
    marks_ = state + columns * (row + LANES);
    errors_ = marks_ + marks;
    inverse_ = errors_ + columns * length;
    double* variance = inverse_ + length;
    for (const Term& term : ar_) phi_[term.lag - 1] = term.value;
    double F = 1;
    if (!start_.make(r_, ar_, ma_, gain_, F)) return INFINITE;
    std::copy(gain_, gain_ + width_, change_);
    const Recursion all{r_, width_, columns, phi_, gain_, change_, state, data_.values, errors_, variance, inverse_, marks_, n, segment_,
                        ma_.empty() ? 1 : std::max(1, r_)};
    steady_ = n ? run_dense(all, F) : 0;
    const std::int64_t begin = steady_;
    for (int c = 0; c < columns; ++c) {
        const double* w = data_.values + c * n;
        double* e = errors_ + c * n;
        for (std::int64_t t = begin; t < n; ++t) {
            double x = w[t];
            for (const Term& term : ar_) x -= term.value * w[t - term.lag];
            for (const Term& term : ma_) x -= term.value * e[t - term.lag];
            e[t] = x;
        }
    }
    const double logarithm = sum_of_logarithms(variance, begin);
    const double* residual = errors_;
    if (columns > 1) {
        combine();
        residual = residual_.data();
    } else {
        solution_ = {};
    }
    squares_ = weighted(residual, residual, inverse_, begin) + dot(residual + begin, residual + begin, n - begin);
    const double terms = this->terms();
    if (!std::isfinite(squares_) || !std::isfinite(logarithm) || terms < 1) return INFINITE;
    return 0.5 * (std::log(std::max(squares_, 1e-300) / terms) + (logarithm + solution_.determinant) / terms);
}

// beta by generalised least squares, and the errors of what is left.
void Arma::combine() {
    const int columns = data_.count();
    const std::int64_t n = data_.n, begin = steady_;
    gram_.assign(static_cast<std::size_t>(columns) * columns, 0.0);
    for (int a = 0; a < columns; ++a) {
        for (int b = 0; b <= a; ++b) {
            const double *x = errors_ + a * n, *y = errors_ + b * n;
            gram_[a * columns + b] = gram_[b * columns + a] = weighted(x, y, inverse_, begin) + dot(x + begin, y + begin, n - begin);
        }
    }
    solution_.solve(gram_, columns, data_.integrated);
    residual_.assign(errors_, errors_ + n);
    for (int c = 1; c < columns; ++c) {
        const double b = solution_.beta[c - 1], *e = errors_ + c * n;
        if (b == 0) continue;
        for (std::int64_t t = 0; t < n; ++t) residual_[t] -= b * e[t];
    }
}

void Arma::gradient(double* slope) {
    const Orders& o = orders_;
    std::fill(slope, slope + o.count(), 0.0);
    if (o.count() == 0) return;
    tails_.assign(2 * static_cast<std::size_t>(width_), 0.0);
    double *ar = tails_.data(), *ma = ar + width_;
    sweep(ar, ma);
    const double* c = coefficients_.data();
    contract(ar, c, o.p, c + o.p + o.q, o.P, o.s, -1, slope, slope + o.p + o.q);
    contract(ma, c + o.p, o.q, c + o.p + o.q + o.P, o.Q, o.s, 1, slope + o.p, slope + o.p + o.q + o.P);
}

// Adjoints of the expanded coefficients. The series that are swept: what is left after the regression, and the integrated columns,
// made orthonormal, which carry the derivative of the determinant.
void Arma::sweep(double* ar, double* ma) {
    const std::int64_t n = data_.n, begin = steady_;
    const int columns = data_.count(), k = columns - 1, series = 1 + solution_.integrated;
    const double terms = this->terms();
    series_.resize(static_cast<std::size_t>(series) * 2 * n);  // data and errors of each
    const auto data = [&](int j) { return series_.data() + static_cast<std::size_t>(j) * 2 * n; };
    const auto error = [&](int j) { return series_.data() + (static_cast<std::size_t>(j) * 2 + 1) * n; };
    std::copy(data_.values, data_.values + n, data(0));
    std::copy(errors_, errors_ + n, error(0));
    for (int c = 0; c < k; ++c) {
        const double b = solution_.beta[c], *w = data_.values + (c + 1) * n, *e = errors_ + (c + 1) * n;
        if (b == 0) continue;
        for (std::int64_t t = 0; t < n; ++t) data(0)[t] -= b * w[t], error(0)[t] -= b * e[t];
    }
    std::vector<int> place(data_.integrated, -1);
    for (int c = 0, j = 1; c < data_.integrated; ++c) {
        const double* row = solution_.factor.data() + static_cast<std::size_t>(c) * k;
        if (!(row[c] > 0)) continue;
        place[c] = j;
        const double *w = data_.values + (c + 1) * n, *e = errors_ + (c + 1) * n, inverse = 1 / row[c];
        for (std::int64_t t = 0; t < n; ++t) data(j)[t] = w[t], error(j)[t] = e[t];
        for (int b = 0; b < c; ++b) {
            if (place[b] < 0 || row[b] == 0) continue;
            for (std::int64_t t = 0; t < n; ++t) data(j)[t] -= row[b] * data(place[b])[t], error(j)[t] -= row[b] * error(place[b])[t];
        }
        for (std::int64_t t = 0; t < n; ++t) data(j)[t] *= inverse, error(j)[t] *= inverse;
        ++j;
    }
    std::vector<double> weight(series, 1 / terms);
    weight[0] = 1 / std::max(squares_, 1e-300);
    bars_.resize(static_cast<std::size_t>(series) * n);
    for (int j = 0; j < series; ++j) {
        double *bar = bars_.data() + static_cast<std::size_t>(j) * n, *e = error(j), *w = data(j);
        for (std::int64_t t = 0; t < begin; ++t) bar[t] = weight[j] * e[t] * inverse_[t];
        for (std::int64_t t = begin; t < n; ++t) bar[t] = weight[j] * e[t];
        if (!ma_.empty()) {
            for (std::int64_t t = n - 1; t >= begin; --t) {
                for (const Term& term : ma_) bar[t - term.lag] -= term.value * bar[t];
            }
        }
        for (const Term& term : ar_) ar[term.lag - 1] -= dot(bar + begin, w + begin - term.lag, n - begin);
        for (const Term& term : ma_) ma[term.lag - 1] -= dot(bar + begin, e + begin - term.lag, n - begin);
    }
    if (begin == 0) return;
    // the dense steps, segment by segment from the last one
    tape_.resize(static_cast<std::size_t>(std::min(segment_, begin)) * (2 * width_ + LANES));
    swept_.assign(static_cast<std::size_t>(2 + series) * width_, 0.0);  // adjoints of K, L and the states
    double *gain_bar = swept_.data(), *change_bar = gain_bar + width_;
    Backward all{width_, series, 0, 0, n, phi_, tape_.data(), inverse_, series_.data(), bars_.data(), weight.data(), terms, gain_bar, change_bar,
                 change_bar + width_, ar, 0};
    for (std::int64_t s = (begin - 1) / segment_; s >= 0; --s) {
        all.from = s * segment_;
        all.to = std::min(begin, all.from + segment_);
        retrace(width_, phi_, inverse_ + all.from, marks_ + s * 2 * width_, all.to - all.from, tape_.data());
        run_backward(all);
    }
    for (int i = 0; i < width_; ++i) gain_bar[i] += change_bar[i];  // both begin as the same
    start_.reverse(gain_bar, all.variance, ar, ma);
}

}  // namespace inorder
