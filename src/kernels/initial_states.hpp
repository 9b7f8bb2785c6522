// Initial states of exponential smoothing: a straight line through the first rows with one offset for each place of the season, by least
// squares. The rows reach until three seasons (at least ten observations) are seen. The slope is that within places,
//
//     b = sum (t - mean t)(y - mean y) / sum (t - mean t)^2,        offset = mean y - b mean t,       means over one place
//
// and a place without observations has no effect. A multiplicative season is the ratio to the line's mean.

#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

namespace inorder {

constexpr double SMALLEST = 0.01;  // factor of a multiplicative season in a search

struct InitialStates {
    double level = 0, slope = 0;
    double middle = 0;  // of the line, over the rows that it was laid through
    std::vector<double> season;
};

inline double smallest_of(const double* begin, const double* end) {
    double smallest = std::numeric_limits<double>::infinity();
    for (; begin != end; ++begin) {
        if (*begin < smallest) smallest = *begin;  // false for NaN
    }
    return smallest;
}

// m: season length, 1 = none.   floor: with a multiplicative season the line stays above it, or is laid flat.
inline InitialStates initial_states(const double* y, std::int64_t time, int m, bool multiplicative, double floor) {
    const std::int64_t enough = std::max<std::int64_t>(10, m > 1 ? 3 * m : 0);
    std::vector<double> count(m, 0), mean_t(m, 0), mean_y(m, 0);
    std::int64_t rows = 0, seen = 0;
    for (; rows < time && seen < enough; ++rows) {
        if (std::isnan(y[rows])) continue;
        const int j = static_cast<int>(rows % m);
        ++seen;
        ++count[j];
        mean_t[j] += static_cast<double>(rows + 1);
        mean_y[j] += y[rows];
    }
    for (int j = 0; j < m; ++j) {
        if (count[j] == 0) continue;
        mean_t[j] /= count[j];
        mean_y[j] /= count[j];
    }
    double above = 0, below = 0;
    for (std::int64_t t = 0; t < rows; ++t) {
        if (std::isnan(y[t])) continue;
        const double from_mean = static_cast<double>(t + 1) - mean_t[t % m];
        above += from_mean * (y[t] - mean_y[t % m]);
        below += from_mean * from_mean;
    }
    double slope = below > 0 ? above / below : 0, level = 0, places = 0;
    for (int j = 0; j < m; ++j) {
        if (count[j] == 0) continue;
        level += mean_y[j] - slope * mean_t[j];
        ++places;
    }
    level /= places;
    if (multiplicative && !(level > floor && level + slope * static_cast<double>(rows) > floor)) {  // flat instead
        slope = level = 0;
        for (int j = 0; j < m; ++j) level += mean_y[j] / places;
    }
    InitialStates found{level, slope, level + slope * static_cast<double>(rows + 1) / 2, std::vector<double>(m, multiplicative ? 1.0 : 0.0)};
    if (m == 1) return found;
    for (int j = 0; j < m; ++j) {
        if (count[j] == 0) continue;
        const double offset = mean_y[j] - slope * mean_t[j] - level;
        found.season[j] = multiplicative ? std::max(1 + offset / found.middle, 2 * SMALLEST) : offset;
    }
    if (multiplicative) {
        double sum = 0;
        for (const double s : found.season) sum += s;
        for (double& s : found.season) s *= m / sum;
    }
    return found;
}

}  // namespace inorder
