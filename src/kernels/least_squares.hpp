// What damped Gauss-Newton steps (Levenberg-Marquardt) inside a box need: products of a Jacobian's rows, and the step itself.

#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "clones.hpp"

namespace inorder {

constexpr int LANES = 8;  // columns of a Jacobian are padded to a multiple of this
constexpr int ROWS = 16;  // rows of a Jacobian that are multiplied at a time
constexpr int TOGETHER = 4;  // rows of a product that are summed at a time, so that one addition need not wait for the other

constexpr int padded(int columns) { return (columns + LANES - 1) / LANES * LANES; }

// product += rows' rows, upper triangle by blocks of LANES columns.
[[maybe_unused]] INORDER_CLONES static void accumulate(const double* INORDER_RESTRICT rows, int count, int columns, double* INORDER_RESTRICT product) {
    for (int i = 0; i < columns; i += TOGETHER) {
        for (int j = i / LANES * LANES; j < columns; j += LANES) {
            double sum[TOGETHER][LANES] = {{0}};
            for (int r = 0; r < count; ++r) {
                const double *left = rows + r * columns + i, *right = rows + r * columns + j;
                for (int l = 0; l < TOGETHER; ++l) {
                    for (int k = 0; k < LANES; ++k) sum[l][k] += left[l] * right[k];
                }
            }
            for (int l = 0; l < TOGETHER; ++l) {
                for (int k = 0; k < LANES; ++k) product[(i + l) * columns + j + k] += sum[l][k];
            }
        }
    }
}

// The solution of a x = b in place of b, a symmetric: Cholesky by rows of the upper triangle; a pivot lost to rounding drops its coordinate.
[[maybe_unused]] static void solve(double* INORDER_RESTRICT a, double* INORDER_RESTRICT x, int n) {
    for (int i = 0; i < n; ++i) {
        double* pivot = a + static_cast<std::size_t>(i) * n;
        const double root = pivot[i] > 0 ? std::sqrt(pivot[i]) : 0, inverse = root > 0 ? 1 / root : 0;
        for (int j = i; j < n; ++j) pivot[j] *= inverse;
        x[i] *= inverse;
        for (int k = i + 1; k < n; ++k) {
            double* row = a + static_cast<std::size_t>(k) * n;
            const double left = pivot[k];
            for (int j = k; j < n; ++j) row[j] -= left * pivot[j];
            x[k] -= left * x[i];
        }
    }
    for (int i = n - 1; i >= 0; --i) {
        const double* pivot = a + static_cast<std::size_t>(i) * n;
        double sum = x[i];
        for (int j = i + 1; j < n; ++j) sum -= pivot[j] * x[j];
        x[i] = pivot[i] > 0 ? sum / pivot[i] : 0;
    }
}

// A damped step inside a box:
//
//     (J'J + damping diag J'J) step = slope,        trial = z + step, cut to the box,        slope = -J'e
//
// A coordinate at its bound that would leave the box stays where it is.
class BoxStep {
   public:
    // normal: J'J, the upper triangle by rows.   False where no coordinate may move.
    bool propose(const std::vector<double>& normal, const std::vector<double>& slope, const std::vector<double>& lower, const std::vector<double>& upper,
                 const std::vector<double>& z, double damping, std::vector<double>& trial) {
        const int p = static_cast<int>(z.size());
        moving_.clear();
        for (int i = 0; i < p; ++i) {
            const bool stuck = (z[i] <= lower[i] && slope[i] <= 0) || (z[i] >= upper[i] && slope[i] >= 0);
            if (!stuck && normal[static_cast<std::size_t>(i) * p + i] > 0) moving_.push_back(i);
        }
        const int q = static_cast<int>(moving_.size());
        if (q == 0) return false;
        factor_.resize(static_cast<std::size_t>(q) * q);
        step_.resize(q);
        for (int i = 0; i < q; ++i) {
            for (int j = i; j < q; ++j) factor_[static_cast<std::size_t>(i) * q + j] = normal[static_cast<std::size_t>(moving_[i]) * p + moving_[j]];
            factor_[static_cast<std::size_t>(i) * q + i] *= 1 + damping;
            step_[i] = slope[moving_[i]];
        }
        solve(factor_.data(), step_.data(), q);
        trial = z;
        for (int i = 0; i < q; ++i) trial[moving_[i]] = std::clamp(z[moving_[i]] + step_[i], lower[moving_[i]], upper[moving_[i]]);
        return true;
    }

   private:
    std::vector<int> moving_;
    std::vector<double> factor_, step_;
};

}  // namespace inorder
