// STL: a series taken apart by local regressions (loess).
//
//     repeat `inner` times:
//         detrended <- y - trend
//         cycle     <- loess of each cycle-subseries of `detrended`, continued by one place on both sides
//         low       <- loess of the moving averages (m, m, 3) of cycle
//         seasonal  <- cycle - low
//         trend     <- loess of y - seasonal
//     and, `outer` times more, again with weights  (1 - (|remainder| / 6 median|remainder|)^2)^2
//
// A loess curve at one place is a weighted straight line (degree 1) or mean (degree 0) of the `window` nearest points, with weights
// (1 - (distance / h)^3)^3.
//
// Without gaps the windows of all inner points are alike. So their weights are found once, and a curve through the middle of the series is
// a sum of shifted series, over all cycle-subseries at a time. Only the points near the ends, which lean on the same first or last
// points, have weights of their own. With gaps, or where the curve is found at every `jump`-th point only, one point is done after another.
// The twin in Python is inorder/textbook/stl.py.

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "clones.hpp"

namespace nb = nanobind;

namespace inorder {
namespace {

using Int = std::int64_t;
constexpr int LANES = 8;    // partial sums of one dot product
constexpr Int BLOCK = 256;  // points of the middle that are summed at a time
constexpr double NOT_A_NUMBER = std::numeric_limits<double>::quiet_NaN();

struct Loess {
    Int window;  // points, odd; 0: the mean of all, the same for every row (a periodic season)
    Int degree;  // 0 or 1
    Int jump;    // the curve is found at every jump-th point, and by straight lines between
};

struct Sums {  // of weights w and values y at distances d:  w, w d, w d^2, w y, w d y
    double weight = 0, first = 0, second = 0, value = 0, product = 0;
};

// The curve's value at distance 0. `spread` is a thousandth of the range of all points: below it no slope can be known.
inline double curve(const Sums& s, Int degree, double spread, double otherwise) {
    if (!(s.weight > 0)) return otherwise;
    const double mean = s.value / s.weight;
    if (degree == 0) return mean;
    const double centre = s.first / s.weight, variance = s.second / s.weight - centre * centre;
    if (!(variance > spread * spread)) return mean;
    return mean - centre * (s.product / s.weight - centre * mean) / variance;
}

// weight[j] for the points j = 0, 1, ... of a window that begins `before` points before the place, h away.
INORDER_CLONES void tricube(double* INORDER_RESTRICT weight, Int count, double before, double h) {
    const double near = 0.001 * h, far = 0.999 * h, scale = h > 0 ? 1 / h : 0;
    for (Int j = 0; j < count; ++j) {
        const double r = std::fabs(static_cast<double>(j) - before), t = r * scale, u = 1 - t * t * t, w = u * u * u;
        weight[j] = r <= near ? 1 : r <= far ? w : 0;
    }
}

// The three sums that do not depend on values.
INORDER_CLONES Sums moments(const double* INORDER_RESTRICT weight, Int count, double before) {
    Sums sums;
    double s[LANES] = {0}, f[LANES] = {0}, q[LANES] = {0};
    Int j = 0;
    for (; j + LANES <= count; j += LANES) {
        for (int k = 0; k < LANES; ++k) {
            const double d = static_cast<double>(j + k) - before, w = weight[j + k];
            s[k] += w;
            f[k] += w * d;
            q[k] += w * d * d;
        }
    }
    for (; j < count; ++j) {
        const double d = static_cast<double>(j) - before, w = weight[j];
        s[0] += w;
        f[0] += w * d;
        q[0] += w * d * d;
    }
    for (int k = 0; k < LANES; ++k) {
        sums.weight += s[k];
        sums.first += f[k];
        sums.second += q[k];
    }
    return sums;
}

INORDER_CLONES double dot(const double* INORDER_RESTRICT a, const double* INORDER_RESTRICT b, Int count) {
    double s[LANES] = {0}, total = 0;
    Int j = 0;
    for (; j + LANES <= count; j += LANES) {
        for (int k = 0; k < LANES; ++k) s[k] += a[j + k] * b[j + k];
    }
    for (; j < count; ++j) s[0] += a[j] * b[j];
    for (int k = 0; k < LANES; ++k) total += s[k];
    return total;
}

INORDER_CLONES void add(double* INORDER_RESTRICT to, const double* INORDER_RESTRICT from, double weight, Int count) {
    for (Int i = 0; i < count; ++i) to[i] += weight * from[i];
}

INORDER_CLONES void add_products(double* INORDER_RESTRICT weight, double* INORDER_RESTRICT first, double* INORDER_RESTRICT second,
                                 double* INORDER_RESTRICT value, double* INORDER_RESTRICT product, const double* INORDER_RESTRICT y,
                                 const double* INORDER_RESTRICT robust, double w, double d, Int count) {
    for (Int i = 0; i < count; ++i) {
        const double u = w * robust[i], v = u * y[i];
        weight[i] += u;
        first[i] += u * d;
        second[i] += u * (d * d);
        value[i] += v;
        product[i] += v * d;
    }
}

INORDER_CLONES Sums sum_products(const double* INORDER_RESTRICT w, const double* INORDER_RESTRICT y, const double* INORDER_RESTRICT robust, Int count,
                                 double before) {
    Sums sums;
    double s[LANES] = {0}, f[LANES] = {0}, q[LANES] = {0}, v[LANES] = {0}, p[LANES] = {0};
    for (Int j = 0; j < count; j += LANES) {
        const int width = static_cast<int>(std::min<Int>(LANES, count - j));
        for (int k = 0; k < width; ++k) {
            const double d = static_cast<double>(j + k) - before, u = w[j + k] * robust[j + k], m = u * y[j + k];
            s[k] += u;
            f[k] += u * d;
            q[k] += u * (d * d);
            v[k] += m;
            p[k] += m * d;
        }
    }
    for (int k = 0; k < LANES; ++k) {
        sums.weight += s[k];
        sums.first += f[k];
        sums.second += q[k];
        sums.value += v[k];
        sums.product += p[k];
    }
    return sums;
}

// Curves through series without gaps that stand side by side: point i of column c is y[i * stride + c].
class Even {
   public:
    // At row `i` of `columns` columns of `rows` points each; it may lie one before the first row or one behind the last.
    void edge(const double* y, const double* robust, Int rows, Int stride, Int columns, const Loess& loess, Int i, double* out, const double* otherwise) {
        const Int q = std::min(loess.window, rows), begin = std::clamp<Int>(i - q / 2, 0, rows - q);
        const double before = static_cast<double>(i - begin), spread = 0.001 * static_cast<double>(rows - 1);
        const double h = std::max(before, static_cast<double>(begin + q - 1 - i)) + static_cast<double>((loess.window - q) / 2);
        weight_.resize(q);
        tricube(weight_.data(), q, before, h);
        const double *from = y + begin * stride, *given = robust ? robust + begin * stride : nullptr;
        const bool alone = columns == 1 && stride == 1;
        if (robust && alone) {
            out[0] = curve(sum_products(weight_.data(), from, given, q, before), loess.degree, spread, otherwise[0]);
        } else if (robust) {
            clear(columns);
            for (Int j = 0; j < q; ++j) gather(from + j * stride, given + j * stride, weight_[j], static_cast<double>(j) - before, columns);
            for (Int c = 0; c < columns; ++c) out[c] = curve(gathered(c, columns), loess.degree, spread, otherwise[c]);
        } else {
            const Sums s = moments(weight_.data(), q, before);
            const double centre = s.first / s.weight, variance = s.second / s.weight - centre * centre;
            const double slope = loess.degree == 1 && variance > spread * spread ? centre / variance : 0;
            for (Int j = 0; j < q; ++j) weight_[j] *= (1 - slope * (static_cast<double>(j) - before - centre)) / s.weight;
            if (alone) {
                out[0] = dot(weight_.data(), from, q);
            } else {
                std::fill(out, out + columns, 0.0);
                for (Int j = 0; j < q; ++j) add(out, from + j * stride, weight_[j], columns);
            }
        }
    }

    // At all rows that are half a window or more from both ends, of `stride` columns that hold `time` points together.
    void middle(const double* y, const double* robust, Int time, Int stride, const Loess& loess, double* out) {
        const Int half = loess.window / 2;
        weight_.resize(loess.window);
        tricube(weight_.data(), loess.window, static_cast<double>(half), static_cast<double>(half));
        const double whole = moments(weight_.data(), loess.window, static_cast<double>(half)).weight;
        for (Int at = half * stride; at < time - half * stride; at += BLOCK) {
            const Int count = std::min(BLOCK, time - half * stride - at);
            if (!robust) {  // the weights are alike on both sides, so the line passes through the mean
                std::fill(out + at, out + at + count, 0.0);
                for (Int o = 1 - half; o < half; ++o) add(out + at, y + at + o * stride, weight_[o + half] / whole, count);
                continue;
            }
            clear(count);
            for (Int o = 1 - half; o < half; ++o) gather(y + at + o * stride, robust + at + o * stride, weight_[o + half], static_cast<double>(o), count);
            for (Int i = 0; i < count; ++i) {
                const Int rows = (time - 1 - (at + i) % stride) / stride + 1;
                out[at + i] = curve(gathered(i, count), loess.degree, 0.001 * static_cast<double>(rows - 1), y[at + i]);
            }
        }
    }

   private:
    void clear(Int count) { sums_.assign(5 * count, 0.0); }
    void gather(const double* y, const double* robust, double weight, double distance, Int count) {
        double* s = sums_.data();
        add_products(s, s + count, s + 2 * count, s + 3 * count, s + 4 * count, y, robust, weight, distance, count);
    }
    Sums gathered(Int i, Int count) const {
        const double* s = sums_.data() + i;
        return {s[0], s[count], s[2 * count], s[3 * count], s[4 * count]};
    }
    std::vector<double> weight_, sums_;
};

// Those of the `rows` points of a series that are there.   at: their rows, rising.   weight: as the outliers leave it.
struct Points {
    Int rows = 0;
    std::vector<Int> at;
    std::vector<double> y, weight;

    // The curve at `place` from the points left ... left + q - 1; NaN where every weight is 0.
    double curve_at(Int place, Int left, Int q, const Loess& loess, bool robust) const {
        const double here = static_cast<double>(place);
        const double h = std::max(here - static_cast<double>(at[left]), static_cast<double>(at[left + q - 1]) - here) +
                         static_cast<double>((loess.window - q) / 2);
        Sums s;
        for (Int j = left; j < left + q; ++j) {
            const double d = static_cast<double>(at[j]) - here, r = std::fabs(d), t = r / h, u = 1 - t * t * t;
            const double w = (r <= 0.001 * h ? 1 : r <= 0.999 * h ? u * u * u : 0) * (robust ? weight[j] : 1);
            s.weight += w;
            s.first += w * d;
            s.second += w * d * d;
            s.value += w * y[j];
            s.product += w * d * y[j];
        }
        return curve(s, loess.degree, 0.001 * static_cast<double>(rows - 1), NOT_A_NUMBER);
    }

    // One before the first row, or one behind the last.
    double beyond(bool behind, const Loess& loess, double otherwise) const {
        const Int known = static_cast<Int>(at.size()), q = std::min(loess.window, known);
        if (known == 0) return otherwise;
        const double value = curve_at(behind ? rows : -1, behind ? known - q : 0, q, loess, true);
        return std::isnan(value) ? otherwise : value;
    }

    // At every row: from the nearest points at every jump-th row and the last, straight lines between.
    void smooth(const Loess& loess, double* out) const {
        const Int known = static_cast<Int>(at.size()), q = std::min(loess.window, known), jump = std::max<Int>(1, std::min(loess.jump, rows - 1));
        Int left = 0, next = 0, last = 0;
        if (known == 0) {  // values that have left the range of numbers
            std::fill(out, out + rows, NOT_A_NUMBER);
            return;
        }
        for (Int i = 0;; i = std::min(i + jump, rows - 1)) {
            while (left + q < known && at[left + q] - i < i - at[left]) ++left;
            while (next < known && at[next] < i) ++next;
            double value = curve_at(i, left, q, loess, true);
            if (std::isnan(value)) value = next < known && at[next] == i ? y[next] : curve_at(i, left, q, loess, false);  // all are outliers
            out[i] = value;
            for (Int j = last + 1; j < i; ++j) out[j] = out[last] + (value - out[last]) / static_cast<double>(i - last) * static_cast<double>(j - last);
            if (i == rows - 1) return;
            last = i;
        }
    }
};

struct Settings {
    Int season_length;
    Loess seasonal, trend, low_pass;
    Int inner, outer;
};

class STL {
   public:
    STL(const double* y, Int time, const Settings& settings, double* trend, double* seasonal, double* weight)
        : y_(y), time_(time), m_(settings.season_length), settings_(settings), trend_(trend), seasonal_(seasonal), weight_(weight), work_(time), rest_(time),
          cycle_(time + 2 * settings.season_length), sums_(time + 2 * settings.season_length), means_(time + 2 * settings.season_length) {
        for (Int t = 0; t < time; ++t) gaps_ = gaps_ || std::isnan(y[t]);
        std::fill(trend, trend + time, 0.0);
        for (Int t = 0; t < time; ++t) weight[t] = std::isnan(y[t]) ? 0 : 1;
    }

    void run() {
        for (Int round = 0;; ++round) {
            for (Int i = 0; i < settings_.inner; ++i) step();
            if (round == settings_.outer) break;
            reweigh();
            robust_ = true;
        }
        if (settings_.seasonal.window == 0) average_places();
    }

   private:
    void step() {
        for (Int t = 0; t < time_; ++t) work_[t] = y_[t] - trend_[t];
        smooth_cycles();
        low_pass();
        for (Int t = 0; t < time_; ++t) seasonal_[t] = cycle_[m_ + t] - rest_[t];
        for (Int t = 0; t < time_; ++t) work_[t] = y_[t] - seasonal_[t];
        smooth(work_.data(), robust_ ? weight_ : nullptr, gaps_, settings_.trend, trend_);
    }

    // work_ -> cycle_, which begins one season earlier and ends one later.
    void smooth_cycles() {
        const Loess& loess = settings_.seasonal;
        const double *y = work_.data(), *robust = robust_ ? weight_ : nullptr;
        double *before = cycle_.data(), *out = before + m_;
        if (loess.window == 0) {
            for (Int place = 0; place < m_; ++place) {
                const double mean = mean_at(place);
                for (Int t = place; t < time_ + 2 * m_; t += m_) before[t] = mean;
            }
            return;
        }
        if (gaps_ || loess.jump > 1) {
            for (Int place = 0; place < m_; ++place) {
                collect(y + place, robust ? robust + place : nullptr, rows_at(place), m_);
                column_.resize(points_.rows);
                points_.smooth(loess, column_.data());
                before[place] = points_.beyond(false, loess, column_.front());
                for (Int i = 0; i < points_.rows; ++i) out[i * m_ + place] = column_[i];
                out[points_.rows * m_ + place] = points_.beyond(true, loess, column_.back());
            }
            return;
        }
        const Int half = loess.window / 2, more = time_ % m_;
        even_.middle(y, robust, time_, m_, loess, out);
        for (const Int first : {Int{0}, more}) {  // the first places may have one row more than the others
            const Int columns = first == more ? m_ - more : more, rows = rows_at(first);
            const double* w = robust ? robust + first : nullptr;
            for (Int i = 0; i < rows; ++i) {
                if (i < half || i >= rows - half) even_.edge(y + first, w, rows, m_, columns, loess, i, out + i * m_ + first, y + i * m_ + first);
            }
            even_.edge(y + first, w, rows, m_, columns, loess, -1, before + first, out + first);
            even_.edge(y + first, w, rows, m_, columns, loess, rows, out + rows * m_ + first, out + (rows - 1) * m_ + first);
            if (more == 0) break;
        }
    }

    Int rows_at(Int place) const { return (time_ - 1 - place) / m_ + 1; }

    double mean_at(Int place) const {
        double sum = 0, weight = 0, plain = 0, count = 0;
        for (Int t = place; t < time_; t += m_) {
            if (std::isnan(work_[t])) continue;
            sum += weight_[t] * work_[t];
            weight += weight_[t];
            plain += work_[t];
            ++count;
        }
        return weight > 0 ? sum / weight : plain / count;
    }

    // cycle_ -> rest_: moving averages of m, m and 3, and a loess curve through them.
    void low_pass() {
        const Int rows = time_ + 2 * m_;
        average(cycle_.data(), rows, m_, sums_.data());
        average(sums_.data(), rows - m_ + 1, m_, means_.data());
        average(means_.data(), rows - 2 * m_ + 2, 3, sums_.data());
        smooth(sums_.data(), nullptr, false, settings_.low_pass, rest_.data());
    }

    static void average(const double* from, Int rows, Int width, double* to) {
        double sum = 0;
        for (Int i = 0; i < width; ++i) sum += from[i];
        to[0] = sum / static_cast<double>(width);
        for (Int i = width; i < rows; ++i) {
            sum += from[i] - from[i - width];
            to[i - width + 1] = sum / static_cast<double>(width);
        }
    }

    void smooth(const double* y, const double* robust, bool gaps, const Loess& loess, double* out) {
        if (gaps || loess.jump > 1) {
            collect(y, robust, time_, 1);
            points_.smooth(loess, out);
            return;
        }
        const Int half = loess.window / 2;
        even_.middle(y, robust, time_, 1, loess, out);
        for (Int i = 0; i < time_; ++i) {
            if (i < half || i >= time_ - half) even_.edge(y, robust, time_, 1, 1, loess, i, out + i, y + i);
        }
    }

    void collect(const double* y, const double* robust, Int rows, Int stride) {
        points_.at.clear();
        points_.y.clear();
        points_.weight.clear();
        points_.rows = rows;
        for (Int i = 0; i < rows; ++i) {
            if (std::isnan(y[i * stride])) continue;
            points_.at.push_back(i);
            points_.y.push_back(y[i * stride]);
            points_.weight.push_back(robust ? robust[i * stride] : 1);
        }
    }

    // weight_ from the remainder; a weight of 0 for what is missing.
    void reweigh() {
        sizes_.clear();
        for (Int t = 0; t < time_; ++t) {
            rest_[t] = std::fabs(y_[t] - trend_[t] - seasonal_[t]);
            if (!std::isnan(rest_[t])) sizes_.push_back(rest_[t]);
        }
        if (sizes_.empty()) return;
        const std::size_t upper = sizes_.size() / 2, lower = sizes_.size() - upper - 1;
        std::nth_element(sizes_.begin(), sizes_.begin() + static_cast<std::ptrdiff_t>(upper), sizes_.end());
        const double high = sizes_[upper];
        const double low = lower == upper ? high : *std::max_element(sizes_.begin(), sizes_.begin() + static_cast<std::ptrdiff_t>(upper));
        const double limit = 3 * (low + high);
        for (Int t = 0; t < time_; ++t) {
            const double r = rest_[t], u = r / limit, w = 1 - u * u;
            weight_[t] = std::isnan(r) ? 0 : limit == 0 || r <= 0.001 * limit ? 1 : r <= 0.999 * limit ? w * w : 0;
        }
    }

    void average_places() {
        for (Int place = 0; place < m_; ++place) {
            double sum = 0;
            Int count = 0;
            for (Int t = place; t < time_; t += m_, ++count) sum += seasonal_[t];
            for (Int t = place; t < time_; t += m_) seasonal_[t] = sum / static_cast<double>(count);
        }
    }

    const double* y_;
    const Int time_, m_;
    const Settings& settings_;
    double *trend_, *seasonal_, *weight_;
    bool gaps_ = false, robust_ = false;
    std::vector<double> work_, rest_, cycle_, sums_, means_, column_, sizes_;
    Points points_;
    Even even_;
};

template <typename T>
using Array = nb::ndarray<T, nb::c_contig, nb::device::cpu>;

// windows, degrees, jumps: of the seasonal, the trend and the low-pass curve.
void stl(Array<const double> y, Int season_length, Array<const Int> windows, Array<const Int> degrees, Array<const Int> jumps, Int inner, Int outer,
         Array<double> trend, Array<double> seasonal, Array<double> weight) {
    const auto loess = [&](int i) { return Loess{windows.data()[i], degrees.data()[i], jumps.data()[i]}; };
    const Settings settings{season_length, loess(0), loess(1), loess(2), inner, outer};
    const double* values = y.data();
    const Int time = static_cast<Int>(y.shape(0));
    double *t = trend.data(), *s = seasonal.data(), *w = weight.data();
    const nb::gil_scoped_release unlocked;
    STL(values, time, settings, t, s, w).run();
}

}  // namespace

void bind_stl(nb::module_& m) { m.def("stl", &stl); }

}  // namespace inorder
