// The Kalman filter of an ARIMA series, differencing included, with missing values and an exact diffuse start.
//
//     phi*(B) y[t] = c + theta(B) e[t],   phi*(B) = phi(B) Phi(B^s) (1 - B)^d (1 - B^s)^D,   R = phi* + theta
//     y = a[0] + c + e,   a <- T a + R e   with (T a)[i] = phi*[i] (a[0] + c) + a[i+1]
//
// a[i] is what the past has already said of y[t+i]. Its covariance P, of T P T' + R R' - K F K', goes to zero where nothing is missing,
// and is dropped when it is there: then a step costs only the non-zero coefficients. The first d + D s values are unknown constants: they
// start the state, and those among them that are missing, and nothing else, are diffuse directions W.
//
// An observation that first reveals a diffuse direction with the weight f adds log f^2 to the determinant and nothing else; so without
// missing values the likelihood is that of the differenced series.
//
// Source: Harvey 1989, Forecasting, Structural Time Series Models and the Kalman Filter, §3.3-3.4; diffuse start: de Jong 1991; Koopman 1997.

#pragma once

#include <cstdint>
#include <vector>

#include "arma.hpp"

namespace inorder {

struct Differencing {
    int d = 0, D = 0;
};

class Filter {
public:
    // columns: series that share the covariance: the observations first, then regressors.
    // False from `valid` where the coefficients are not stationary.
    Filter(const Orders& orders, Differencing differencing, const double* coefficients, double mean, int columns = 1);
    bool valid() const { return valid_; }
    int size() const { return r_; }
    int initial() const { return initial_; }

    // Takes one row of columns in: `errors` (columns,) one-step errors and `variance` their variance; false where there is none yet,
    // because the value is missing, or there are too few values before it (then `determinant` may grow).
    // `expected` is the forecast of the first column, NaN where there is none.
    bool step(const double* values, double* errors, double& variance, double& expected);
    double determinant() const { return determinant_; }
    int revealed() const { return revealed_; }  // observations that went into diffuse directions

    void means(int horizon, double* result) const;
    void variances(int horizon, double* result) const;  // infinite where a diffuse direction is left

    // The state, for keeping: `seen` values; while they are fewer than `initial()`, `a` is these values.
    std::int64_t seen = 0;
    std::vector<double> a;  // (columns, r)
    std::vector<double> P;  // (r, r), of which the lower triangle counts; empty = 0
    std::vector<double> W;  // (diffuse, r)
    int diffuse() const { return r_ ? static_cast<int>(W.size()) / r_ : 0; }

private:
    void begin();
    void move(double* state, double constant) const;  // T
    void settle();
    void impulse(int count, std::vector<double>& weights) const;

    Orders orders_;
    int r_ = 1, initial_ = 0, columns_ = 1, revealed_ = 0;
    bool valid_ = true;
    double mean_ = 0, constant_ = 0, determinant_ = 0;
    std::vector<Term> ar_, ma_, full_, delta_;  // full: phi*; delta: (1 - B)^d (1 - B^s)^D without its 1, as a polynomial
    std::vector<double> phi_, R_, covariance_, p_, C_, before_;
};

}  // namespace inorder
