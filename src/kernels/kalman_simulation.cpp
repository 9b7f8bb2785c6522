// The simulation smoother: a draw from the distribution of the states, given the observations.
//
//     draw (alpha+, y+) from the model;   alpha~ = alpha+ + E(alpha | y - y+)   in the model without means and intercepts
//
// The gains do not depend on what was observed, so each draw costs one pass of means forwards and one back.
//
// Source: Durbin & Koopman 2002, A simple and efficient simulation smoother for state space time series analysis.

#include <algorithm>
#include <cmath>
#include <vector>

#include "kalman.hpp"

namespace inorder {
namespace {

// A lower triangular L with L L' = X, for a positive semidefinite X; its column is zero where a pivot is.
void square_root(const double* x, int size, std::vector<double>& l) {
    l.assign(static_cast<std::size_t>(size) * size, 0);
    for (int j = 0; j < size; ++j) {
        double pivot = x[j * size + j];
        for (int k = 0; k < j; ++k) pivot -= l[j * size + k] * l[j * size + k];
        if (!(pivot > 1e-14 * x[j * size + j])) continue;
        l[j * size + j] = std::sqrt(pivot);
        for (int i = j + 1; i < size; ++i) {
            double sum = x[i * size + j];
            for (int k = 0; k < j; ++k) sum -= l[i * size + k] * l[j * size + k];
            l[i * size + j] = sum / l[j * size + j];
        }
    }
}

void add_product(const double* matrix, int rows, int columns, const double* x, double* out) {
    for (int i = 0; i < rows; ++i)
        for (int j = 0; j < columns; ++j) out[i] += matrix[i * columns + j] * x[j];
}

// alpha+ into `states` and y - y+ into `left`, (time, m) and (time, p).
void draw_model(const System& s, const double* y, const double* normals, double* states, std::vector<double>& left) {
    const int m = s.states, p = s.series, q = s.disturbances;
    std::vector<double> root, noise_root, disturbance_root, x(p), u(q);
    left.resize(static_cast<std::size_t>(s.time) * p);
    square_root(s.covariance, m, root);
    std::copy(s.mean, s.mean + m, states);
    add_product(root.data(), m, m, normals, states);
    normals += m;
    for (std::int64_t t = 0; t < s.time; ++t) {
        double* alpha = states + t * m;
        if (t == 0 || s.observation_covariance.varies()) square_root(s.observation_covariance.at(t), p, noise_root);
        std::copy(s.observation_intercept.at(t), s.observation_intercept.at(t) + p, x.begin());
        add_product(s.design.at(t), p, m, alpha, x.data());
        add_product(noise_root.data(), p, p, normals, x.data());
        normals += p;
        for (int i = 0; i < p; ++i) left[t * p + i] = y[t * p + i] - x[i];
        if (t + 1 == s.time) break;
        if (t == 0 || s.state_covariance.varies()) square_root(s.state_covariance.at(t), q, disturbance_root);
        std::copy(s.state_intercept.at(t), s.state_intercept.at(t) + m, alpha + m);
        add_product(s.transition.at(t), m, m, alpha, alpha + m);
        std::fill(u.begin(), u.end(), 0);
        add_product(disturbance_root.data(), q, q, normals, u.data());
        normals += q;
        add_product(s.selection.at(t), m, q, u.data(), alpha + m);
    }
}

}  // namespace

void simulate_carefully(const System& s, const double* y, const double* normals, double* states) {
    std::vector<double> left, zeros(static_cast<std::size_t>(std::max(s.states, s.series)), 0), mean(static_cast<std::size_t>(s.time) * s.states);
    draw_model(s, y, normals, states, left);
    System centred = s;
    centred.mean = zeros.data();
    centred.observation_intercept = centred.state_intercept = Part{zeros.data(), 0};
    Filtered out;
    Smoothed back;
    back.state = mean.data();
    careful_filter_and_smooth(centred, left.data(), out, &back);
    for (std::size_t j = 0; j < mean.size(); ++j) states[j] += mean[j];
}

void simulate(const System& s, const double* y, const Record& record, std::int64_t diffuse_steps, const double* normals, double* states) {
    const int m = s.states, p = s.series;
    std::vector<double> left, error(static_cast<std::size_t>(s.time) * p, 0), predicted(static_cast<std::size_t>(s.time) * m), a(m, 0), next(m), value(p);
    draw_model(s, y, normals, states, left);
    for (std::int64_t t = 0; t < s.time; ++t) {
        // the filter of y - y+
        const std::int64_t e = record.entry[t];
        std::copy(a.begin(), a.end(), predicted.begin() + t * m);
        for (int i = 0; i < record.count[e]; ++i) {
            value[i] = left[t * p + record.element[e * p + i]];
            if (record.correlated)
                for (int k = 0; k < i; ++k) value[i] -= record.factor[(e * p + i) * p + k] * value[k];
        }
        for (int i = 0; i < record.count[e]; ++i) {
            const double *z = record.row.data() + (e * p + i) * m, *K = record.gain.data() + (e * p + i) * m;
            double v = value[i];
            for (int j = 0; j < m; ++j) v -= z[j] * a[j];
            error[t * p + i] = v;
            for (int j = 0; j < m; ++j) a[j] += K[j] * v;
        }
        std::fill(next.begin(), next.end(), 0);
        add_product(s.transition.at(t), m, m, a.data(), next.data());
        a = next;
    }
    std::vector<double> r(m, 0), r1(m, 0);
    const auto back = [&](const double* transition, std::vector<double>& of) {
        std::fill(next.begin(), next.end(), 0);
        for (int i = 0; i < m; ++i)
            for (int j = 0; j < m; ++j) next[j] += transition[i * m + j] * of[i];
        of = next;
    };
    for (std::int64_t t = s.time - 1; t >= 0; --t) {
        const std::int64_t e = record.entry[t];
        const bool diffuse = t < diffuse_steps;
        back(s.transition.at(t), r);
        if (diffuse) back(s.transition.at(t), r1);
        for (int i = record.count[e] - 1; i >= 0; --i) {
            const double *z = record.row.data() + (e * p + i) * m, *K = record.gain.data() + (e * p + i) * m;
            const double F = record.variance[e * p + i], F_inf = diffuse ? record.diffuse_variance[t * p + i] : 0, v = error[t * p + i];
            double Kr = 0, Kr1 = 0, K1r = 0;
            for (int j = 0; j < m; ++j) Kr += K[j] * r[j];
            for (int j = 0; diffuse && j < m; ++j) Kr1 += K[j] * r1[j];
            for (int j = 0; F_inf > 0 && j < m; ++j) K1r += record.second_gain[(t * p + i) * m + j] * r[j];
            const double first = F_inf > 0 ? -Kr : (F > 0 ? v / F : 0) - Kr, second = F_inf > 0 ? v / F_inf - Kr1 - K1r : -Kr1;
            for (int j = 0; j < m; ++j) r[j] += z[j] * first;
            for (int j = 0; diffuse && j < m; ++j) r1[j] += z[j] * second;
        }
        double* alpha = states + t * m;
        for (int j = 0; j < m; ++j) alpha[j] += predicted[t * m + j];
        add_product(record.covariance.data() + e * m * m, m, m, r.data(), alpha);
        if (!diffuse) continue;
        const std::vector<double>& directions = record.directions[t];
        for (std::size_t k = 0; k < directions.size() / m; ++k) {
            double share = 0;
            for (int j = 0; j < m; ++j) share += directions[k * m + j] * r1[j];
            for (int j = 0; j < m; ++j) alpha[j] += directions[k * m + j] * share;
        }
    }
}

}  // namespace inorder
