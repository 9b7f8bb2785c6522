// Fitting a seasonal ARMA model by exact maximum likelihood, and choosing its orders.
//
// The coefficients are those of partial autocorrelations tanh u, so that every u is stationary and invertible; a quasi-Newton descent
// (BFGS) in u starts from several points, because the likelihood has several modes: the regression of Hannan & Rissanen on the errors of
// a long autoregression, small values of either sign, and the estimate of a neighbouring model. The search is that of Hyndman &
// Khandakar: from a few models to the best neighbours until none is better; or through all orders. It keeps every root at a modulus above
// one, by c[i] = c'[i] / modulus^i of stationary coefficients c': a level or season that is almost fixed has the top of its likelihood on
// the unit circle, and the model just inside is nearly as likely, where refusing it would lose the order.
//
// Source: Jones 1980 (partial autocorrelations); Hannan & Rissanen 1982; Hyndman & Khandakar 2008.

#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

#include "arima_filter.hpp"
#include "arma.hpp"
#include "polling.hpp"

namespace inorder {

// From u to coefficients, all four blocks; MA coefficients are those of theta(B) = 1 + theta B + …   No root comes nearer to the origin than `modulus`,
// and none of the seasonal AR part than its s-th power (the 12th at most): nearer to one it is a difference, which a seasonal MA part then takes back.
void to_coefficients(const Orders& orders, const double* u, double modulus, double* coefficients);

using Clock = std::chrono::steady_clock;

class Objective {
public:
    // columns: [series, integrated, regressors]; differenced, or, with `filtered`, as they are (then NaN is missing and nothing is integrated).
    Objective(const Columns& columns, bool filtered, Differencing differencing);

    double value(const Orders& orders, const double* coefficients);
    double at(const Orders& orders, const std::vector<double>& u);
    void gradient(double* slope);                 // of the last `value`, by coefficients
    void slope(std::vector<double>& bar);         // of the last `at`, by u
    double squares() const { return filtered_ ? squares_ : arma_.squares(); }
    double terms() const { return filtered_ ? terms_ : arma_.terms(); }
    const std::vector<double>& beta() const { return filtered_ ? solution_.beta : arma_.beta(); }
    const std::vector<double>& factor() const { return filtered_ ? solution_.factor : arma_.factor(); }
    const Columns& columns() const { return columns_; }
    bool filtered() const { return filtered_; }
    double modulus = 1;  // beyond which `at` keeps all roots

private:
    double through_filter(const Orders& orders, const double* coefficients);
    Columns columns_;
    bool filtered_;
    Differencing differencing_;
    Poll poll_;
    Arma arma_;
    Orders orders_;
    std::vector<double> coefficients_, u_, errors_, row_, gram_;
    Concentrated solution_;
    double squares_ = 0, terms_ = 0;
};

enum class Criterion { AIC, AICC, BIC };

struct Limits {
    int max_p = 5, max_q = 5, max_P = 2, max_Q = 2, max_order = 10, season = 1;
    bool with = true, without = false;  // whether models with, and without, a constant are tried
    Criterion criterion = Criterion::AICC;
    bool stepwise = true;
    int max_models = 200;
    double root = 1.01;  // modulus that no root falls short of, each polynomial in powers of its own lag
    Clock::time_point deadline = Clock::time_point::max();
};

struct Candidate {
    Orders orders;
    bool constant = false;
    std::vector<double> u;
    double loglik = -INFINITE, criterion = INFINITE;
};

class Search {
public:
    // values: as in Columns; with `constant` its last column is the constant.
    Search(const Columns& columns, bool constant, bool filtered, Differencing differencing);

    // One model, from every start.
    Candidate fit(const Orders& orders, bool constant, const Limits& limits);
    // The best of many; `trace` holds every one that was tried, in their order.
    Candidate choose(const Limits& limits);

    std::vector<Candidate> trace;
    bool out_of_time = false;
    Objective& objective(bool constant) { return constant ? *with_ : *without_; }
    double centre() const { return centre_; }  // what was taken from the series where there is a constant

private:
    struct Residuals {  // of a long autoregression
        std::vector<double> series, errors;
        int order = -1;
    };
    Candidate attempt(const Orders& orders, bool constant, const Candidate* parent, bool thorough, const Limits& limits);
    void hold(double modulus);
    void judge(Candidate& candidate, const Limits& limits);
    bool consider(int p, int q, int P, int Q, bool constant, const Candidate* parent, const Limits& limits);
    void long_autoregression(bool constant, int season);
    bool hannan_rissanen(const Orders& orders, bool constant, std::vector<double>& u);

    std::vector<double> centred_;
    double centre_ = 0;
    std::unique_ptr<Objective> with_, without_;
    Residuals residuals_[2];
    std::vector<double> product_, normal_;
};

// Minimises from u, in place; returns the value reached.   known: a minimum found before (empty: none), on the way to which it stops.
double descend(Objective& objective, const Orders& orders, std::vector<double>& u, const std::vector<double>& known, double tolerance, int steps,
               Clock::time_point deadline);

}  // namespace inorder
