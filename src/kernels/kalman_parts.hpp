// What both forms of the filter do with an observation and with the diffuse part. See kalman.hpp for the model.

#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "kalman.hpp"

namespace inorder {

constexpr double SEEN = 1e-8;     // a direction that an observation sees less than this share of its terms is one that it does not see
constexpr double GONE = 1e-10;    // a direction shorter than this share of the longest is none
constexpr double LOST = 1e-8;     // a larger share of a variance that rounding may have taken means that its digits are in doubt
constexpr double CERTAIN = 1e-14;  // an observation whose variance is a smaller share of its terms is known before it comes, and tells nothing

// The elements of y_t that are there, decorrelated: x = L^-1 (y - d), rows L^-1 Z, noise D, with H = L D L' for those elements.
struct Elements {
    int count = 0;
    bool correlated = false;
    std::vector<int> which;
    std::vector<double> row, value, noise, factor;

    void prepare(const System& s) {
        const std::size_t p = s.series, m = s.states;
        which.resize(p);
        row.resize(p * m);
        value.resize(p);
        noise.resize(p);
        factor.assign(p * p, 0);
        correlated = false;
        for (std::int64_t t = 0; t < (s.observation_covariance.varies() ? s.time : 1); ++t)
            for (int i = 0; i < s.series; ++i)
                for (int j = 0; j < i; ++j) correlated = correlated || s.observation_covariance.at(t)[i * s.series + j] != 0;
    }

    void read(const System& s, std::int64_t t, const double* y) {
        const int p = s.series, m = s.states;
        const double *z = s.design.at(t), *d = s.observation_intercept.at(t), *h = s.observation_covariance.at(t);
        count = 0;
        for (int i = 0; i < p; ++i) {
            if (std::isnan(y[i])) continue;
            which[count] = i;
            value[count] = y[i] - d[i];
            noise[count] = h[i * p + i];
            std::copy(z + i * m, z + (i + 1) * m, row.data() + count * m);
            ++count;
        }
        if (!correlated) return;
        for (int i = 0; i < count; ++i) {
            double* l = factor.data() + i * p;
            for (int j = 0; j < i; ++j) {
                double sum = h[which[i] * p + which[j]];
                for (int k = 0; k < j; ++k) sum -= l[k] * factor[j * p + k] * noise[k];
                l[j] = noise[j] > 0 ? sum / noise[j] : 0;
            }
            l[i] = 1;
            for (int k = 0; k < i; ++k) noise[i] -= l[k] * l[k] * noise[k];
            if (!(noise[i] > CERTAIN * h[which[i] * p + which[i]])) noise[i] = 0;
            for (int k = 0; k < i; ++k) {
                value[i] -= l[k] * value[k];
                for (int j = 0; j < m; ++j) row[i * m + j] -= l[k] * row[k * m + j];
            }
        }
    }
};

// share = H[:, o] (H[o, o])^-1, (p, count), for the elements o that are there.   factor: null where the noise is not correlated.
inline void noise_shares(const double* h, int p, int count, const int* which, const double* factor, const double* noise, std::vector<double>& share) {
    share.assign(static_cast<std::size_t>(p) * count, 0);
    for (int i = 0; i < p; ++i) {
        double* b = share.data() + static_cast<std::size_t>(i) * count;
        for (int k = 0; k < count; ++k) {
            b[k] = h[i * p + which[k]];
            for (int l = 0; factor && l < k; ++l) b[k] -= b[l] * factor[k * p + l];
        }
        for (int k = 0; k < count; ++k) b[k] = noise[k] > 0 ? b[k] / noise[k] : 0;
        for (int k = count - 1; factor && k >= 0; --k)
            for (int l = k + 1; l < count; ++l) b[k] -= factor[l * p + k] * b[l];
    }
}

// R Q R' of step t
inline void disturbance_covariance(const System& s, std::int64_t t, double* out, std::vector<double>& room) {
    const int m = s.states, r = s.disturbances;
    const double *selection = s.selection.at(t), *q = s.state_covariance.at(t);
    room.assign(static_cast<std::size_t>(m) * r + 1, 0);
    for (int i = 0; i < m; ++i)
        for (int k = 0; k < r; ++k)
            for (int l = 0; l < r; ++l) room[i * r + l] += selection[i * r + k] * q[k * r + l];
    for (int i = 0; i < m; ++i)
        for (int j = 0; j <= i; ++j) {
            double sum = 0;
            for (int l = 0; l < r; ++l) sum += room[i * r + l] * selection[j * r + l];
            out[i * m + j] = out[j * m + i] = sum;
        }
}

// What is known of the noise of step t from the state alone: H s' e and H + H s' (Z V Z' - H) s H, with e = y - d - Z alpha.   noise, covariance: null where not wanted.
inline void noise_given_state(const System& s, std::int64_t t, const double* y, const Elements& elements, const double* state, const double* V, double* noise, double* covariance) {
    const int m = s.states, p = s.series, count = elements.count;
    const double *h = s.observation_covariance.at(t), *z = s.design.at(t), *d = s.observation_intercept.at(t);
    std::vector<double> share, part(static_cast<std::size_t>(count) * count), error(count);
    noise_shares(h, p, count, elements.which.data(), elements.correlated ? elements.factor.data() : nullptr, elements.noise.data(), share);
    for (int k = 0; k < count; ++k) {
        const int i = elements.which[k];
        const double* row = z + static_cast<std::size_t>(i) * m;
        error[k] = y[i] - d[i];
        for (int j = 0; j < m; ++j) error[k] -= row[j] * state[j];
        for (int l = 0; covariance && l < count; ++l) {
            const double* other = z + static_cast<std::size_t>(elements.which[l]) * m;
            double sum = -h[i * p + elements.which[l]];
            for (int j = 0; j < m; ++j)
                for (int n = 0; row[j] != 0 && n < m; ++n) sum += row[j] * V[j * m + n] * other[n];
            part[k * count + l] = sum;
        }
    }
    for (int i = 0; i < p; ++i) {
        double sum = 0;
        for (int k = 0; k < count; ++k) sum += share[i * count + k] * error[k];
        if (noise) noise[i] = sum;
        for (int j = 0; covariance && j < p; ++j) {
            sum = h[i * p + j];
            for (int k = 0; k < count; ++k)
                for (int l = 0; l < count; ++l) sum += share[i * count + k] * part[k * count + l] * share[j * count + l];
            covariance[i * p + j] = sum;
        }
    }
}

// P_inf = A'A
inline void outer(const std::vector<double>& directions, int m, std::vector<double>& out) {
    out.assign(static_cast<std::size_t>(m) * m, 0);
    for (std::size_t k = 0; k < directions.size() / m; ++k)
        for (int i = 0; i < m; ++i)
            for (int j = 0; j < m; ++j) out[i * m + j] += directions[k * m + i] * directions[k * m + j];
}

// The directions of the diffuse part that are left when an observation z has been seen.   g: A z.   The first is turned into what it sees, and taken out.
inline void forget_direction(std::vector<double>& directions, int m, std::vector<double>& g, std::vector<double>& room) {
    const int count = static_cast<int>(directions.size()) / m;
    double norm = 0, longest = 0, length = 0;
    for (int k = 0; k < count; ++k) norm += g[k] * g[k];
    g[0] += std::copysign(std::sqrt(norm), g[0]);
    norm = 0;
    for (int k = 0; k < count; ++k) norm += g[k] * g[k];
    room.assign(m, 0);
    for (int k = 0; k < count; ++k) {
        length = 0;
        for (int j = 0; j < m; ++j) {
            room[j] += g[k] * directions[k * m + j];
            length += directions[k * m + j] * directions[k * m + j];
        }
        longest = std::max(longest, length);
    }
    int kept = 0;
    for (int k = 1; k < count; ++k) {
        const double share = 2 * g[k] / norm;
        length = 0;
        for (int j = 0; j < m; ++j) {
            const double x = directions[k * m + j] - share * room[j];
            directions[kept * m + j] = x;
            length += x * x;
        }
        if (length > GONE * GONE * longest) ++kept;
    }
    directions.resize(static_cast<std::size_t>(kept) * m);
}

// A z, and whether z sees any of the directions.
inline bool sees(const std::vector<double>& directions, int m, const double* z, std::vector<double>& g, double& variance) {
    const int count = static_cast<int>(directions.size()) / m;
    g.assign(count, 0);
    variance = 0;
    double terms = 0;
    for (int k = 0; k < count; ++k) {
        for (int j = 0; j < m; ++j) {
            const double term = directions[k * m + j] * z[j];
            g[k] += term;
            terms += term * term;
        }
        variance += g[k] * g[k];
    }
    return variance > SEEN * SEEN * terms;
}

struct Rows {  // a matrix by its nonzero entries, row by row, and whole
    std::vector<int> begin, column;
    std::vector<double> value, full;
    void read(const double* matrix, int m, bool transposed) {
        begin.assign(1, 0);
        column.clear();
        value.clear();
        full.clear();
        for (int i = 0; i < m; ++i) {
            for (int j = 0; j < m; ++j) {
                const double x = transposed ? matrix[j * m + i] : matrix[i * m + j];
                full.push_back(x);
                if (x != 0) {
                    column.push_back(j);
                    value.push_back(x);
                }
            }
            begin.push_back(static_cast<int>(column.size()));
        }
    }
};

// out = S x
inline void product(const Rows& s, int m, const double* x, double* out) {
    for (int i = 0; i < m; ++i) {
        double sum = 0;
        for (int k = s.begin[i]; k < s.begin[i + 1]; ++k) sum += s.value[k] * x[s.column[k]];
        out[i] = sum;
    }
}

// A <- A T', without directions that T brings to nothing
inline void move_directions(std::vector<double>& directions, int m, const Rows& transition, std::vector<double>& room) {
    const int count = static_cast<int>(directions.size()) / m;
    room.resize(m);
    double longest = 0;
    std::vector<double> lengths(count, 0);
    for (int k = 0; k < count; ++k) {
        product(transition, m, directions.data() + k * m, room.data());
        std::copy(room.begin(), room.end(), directions.begin() + k * m);
        for (int j = 0; j < m; ++j) lengths[k] += room[j] * room[j];
        longest = std::max(longest, lengths[k]);
    }
    int kept = 0;
    for (int k = 0; k < count; ++k) {
        if (!(lengths[k] > GONE * GONE * longest)) continue;
        if (kept != k) std::copy(directions.begin() + k * m, directions.begin() + (k + 1) * m, directions.begin() + kept * m);
        ++kept;
    }
    directions.resize(static_cast<std::size_t>(kept) * m);
}

}  // namespace inorder
