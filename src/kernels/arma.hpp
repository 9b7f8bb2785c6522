// The exact Gaussian likelihood of a seasonal ARMA process and its gradient, in O(n r).
//
//     phi(B) Phi(B^s) w[t] = theta(B) Theta(B^s) e[t],     r = max(p + P s, q + Q s)
//
// The one-step errors v and their variances F follow from the Chandrasekhar recursions on the stationary start,
//
//     v = w - a[0],   g = L[0] / F,   l[i] = phi[i] L[0] + L[i+1]
//     a[i] <- phi[i] a[0] + a[i+1] + K[i] v / F,   K[i] <- K[i] - g l[i],   L[i] <- l[i] - g K[i],   F <- F - g L[0]
//
// with F = gamma[0], K = L = cov(state, w) at first, until F has come down to 1; from there the errors obey the difference equation
// itself, of which only the non-zero coefficients cost. The gradient is the same recursion swept backwards (adjoints): its cost does
// not depend on the number of parameters. Variance and regression coefficients are concentrated out; columns that are `integrated`
// (one for each missing value: a pulse, differenced like the series) also leave their determinant, which makes the likelihood that of
// the values observed.
//
// Source: Morf, Sidhu & Kailath 1974; Melard 1984, AS 197; Pearlman 1980; missing values: Gomez, Maravall & Pena 1999.
// The twin in Python is inorder/textbook/arima.py.

#pragma once

#include <cstdint>
#include <limits>
#include <new>
#include <vector>

namespace inorder {

constexpr double INFINITE = std::numeric_limits<double>::infinity();

// Memory that begins where a cache line does, so that no register is loaded from two of them.
template <typename T>
struct Aligned {
    using value_type = T;
    Aligned() = default;
    template <typename U>
    Aligned(const Aligned<U>&) {}
    T* allocate(std::size_t count) { return static_cast<T*>(::operator new(count * sizeof(T), std::align_val_t(64))); }
    void deallocate(T* p, std::size_t) { ::operator delete(p, std::align_val_t(64)); }
    template <typename U>
    bool operator==(const Aligned<U>&) const { return true; }
    template <typename U>
    bool operator!=(const Aligned<U>&) const { return false; }
};
using Lines = std::vector<double, Aligned<double>>;

struct Orders {
    int p = 0, q = 0, P = 0, Q = 0, s = 1;
    int count() const { return p + q + P + Q; }
    int ar() const { return p + P * s; }
    int ma() const { return q + Q * s; }
    int state() const { return ar() > ma() ? ar() : ma(); }
    bool operator==(const Orders& o) const { return p == o.p && q == o.q && P == o.P && Q == o.Q && s == o.s; }
};

struct Term {  // of a polynomial
    int lag;
    double value;
};

// The non-zero coefficients of phi(B) Phi(B^s), as w[t] = sum value w[t - lag] + …, and of theta(B) Theta(B^s).
// coefficients: phi, theta, Phi, Theta one after the other.
std::vector<Term> expand_ar(const Orders& orders, const double* coefficients);
std::vector<Term> expand_ma(const Orders& orders, const double* coefficients);

// The stationary start for a noise of variance 1: gamma[0], and K, the autocovariance between the next state and the present value.
class Start {
public:
    // False where not stationary.
    bool make(int r, const std::vector<Term>& ar, const std::vector<Term>& ma, double* gain, double& variance);
    // Adjoints of gain and variance in, of the coefficients by lag (index lag - 1) out, added.
    void reverse(const double* gain, double variance, double* ar, double* ma);
    // (r, r) covariance of the state after `make`.
    void covariance(std::vector<double>& result) const;

private:
    int r_ = 0, p_ = 0, q_ = 0;
    std::vector<Term> ar_, ma_;
    std::vector<char> lagged_;  // whether the MA part has an autocovariance at this lag
    std::vector<double> table_, reflection_, x_, c_, w_, psi_;  // reverse Levinson, autocovariances of the AR part, of the MA part and of both
};

struct Columns {  // each contiguous: the series, integrated columns, regressors
    const double* values = nullptr;
    std::int64_t n = 0;
    int integrated = 0, regressors = 0;
    int count() const { return 1 + integrated + regressors; }
};

// Generalised least squares on filtered columns, whose weighted products are `gram` ((count, count), the series first).
struct Concentrated {
    std::vector<double> beta;    // (count - 1,)
    std::vector<double> factor;  // Cholesky of the columns, ((count - 1)^2), lower; a dependent column has a row of zeros
    double determinant = 0;      // logarithm, of the integrated block
    int integrated = 0;          // independent columns among them
    void solve(const std::vector<double>& gram, int count, int integrated_columns);
};

class Arma {
public:
    explicit Arma(const Columns& data) : data_(data) {}
    Arma(const Arma&) = delete;
    Arma& operator=(const Arma&) = delete;

    // Half the mean of minus two log-likelihood, but for the constant (1 + log 2 pi) / 2; infinite where not stationary.
    double value(const Orders& orders, const double* coefficients);
    // Its gradient at the point of the last `value`.
    void gradient(double* slope);

    double squares() const { return squares_; }  // sum of v^2 / F
    double terms() const { return static_cast<double>(data_.n - solution_.integrated); }
    const std::vector<double>& beta() const { return solution_.beta; }
    const std::vector<double>& factor() const { return solution_.factor; }
    std::int64_t steady() const { return steady_; }

private:
    void combine();
    void sweep(double* ar, double* ma);

    Columns data_;
    Orders orders_;
    std::vector<double> coefficients_;
    std::vector<Term> ar_, ma_;
    Start start_;
    Concentrated solution_;
    int r_ = 0, width_ = 0;  // width: r padded
    std::int64_t steady_ = 0, segment_ = 1;
    double squares_ = 0;
    Lines work_, tape_, swept_, tails_;
    // in work_: (width,) phi, K, and with LANES zeros L; two widths a segment; errors (columns, n); 1 / F (n,)
    double *phi_ = nullptr, *gain_ = nullptr, *change_ = nullptr, *marks_ = nullptr, *errors_ = nullptr, *inverse_ = nullptr;
    std::vector<double> residual_, gram_, bars_, series_;
};

}  // namespace inorder
