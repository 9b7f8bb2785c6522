// Surprise of one-step errors, and alarms at an expected rate. Both are recurrences with a state of constant size.
//
//     evidence = L(|e|) + L(|drift|) + L(spread),   each against a sorted window of its own last values
//     alarm where the evidence is at least c, above all of the last q rows, and above twice that of an alarm among them
//
// Equations and sources: inorder/textbook/detect.py, the twin of this file.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <tuple>
#include <utility>
#include <vector>

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

namespace nb = nanobind;

namespace inorder {
namespace {

constexpr std::size_t kWarm = 50, kFewest = 10;
constexpr double kTop = 0.05, kShape = 0.25, kSlow = 2.0 / 31.0, kCorrection = 0.25, kFarthest = 1.0;
constexpr std::int64_t kRun = 30;
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

struct Tail {
    std::size_t n, k;
    double u, m;
};

// The last values, in the order of their coming and sorted.
class Window {
  public:
    explicit Window(std::size_t memory) : memory_(memory) {}

    std::size_t size() const { return sorted_.size(); }
    double from_top(std::size_t rank) const { return sorted_[sorted_.size() - rank]; }

    void push(double value) {
        if (sorted_.size() == memory_) {
            sorted_.erase(std::lower_bound(sorted_.begin(), sorted_.end(), coming_.front()));
            coming_.pop_front();
        }
        sorted_.insert(std::upper_bound(sorted_.begin(), sorted_.end(), value), value);
        coming_.push_back(value);
    }

    Tail tail(double least) const {
        const std::size_t n = sorted_.size();
        const std::size_t k = std::max(kFewest, static_cast<std::size_t>(kTop * static_cast<double>(n)));
        double sum = 0.0;
        for (std::size_t i = n - k; i < n; ++i) sum += sorted_[i];
        return {n, k, sorted_[n - k], std::max(sum / static_cast<double>(k) - sorted_[n - k], least)};
    }

    double surprise(double a, double least) const {
        const std::size_t n = sorted_.size();
        if (n < kWarm) return 0.0;
        const std::size_t k = std::max(kFewest, static_cast<std::size_t>(kTop * static_cast<double>(n)));
        if (a <= sorted_[n - k]) {
            const auto at_least = sorted_.end() - std::lower_bound(sorted_.begin(), sorted_.end(), a);
            return -std::log10(static_cast<double>(at_least + 1) / static_cast<double>(n + 1));
        }
        const Tail t = tail(least);
        return std::log10(static_cast<double>(n) / static_cast<double>(k)) + std::log10(1 + kShape * (a - t.u) / ((1 - kShape) * t.m)) / kShape;
    }

    double reach(double probability, double least) const {
        const std::size_t n = sorted_.size();
        if (n < kWarm) return kNaN;
        const Tail t = tail(least);
        const double count = static_cast<double>(n), top = static_cast<double>(t.k);
        if (probability >= top / count) return from_top(std::max<std::size_t>(static_cast<std::size_t>(probability * count), 1));
        return t.u + (1 - kShape) * t.m / kShape * (std::pow(top / (count * probability), kShape) - 1);
    }

  private:
    std::size_t memory_;
    std::deque<double> coming_;
    std::vector<double> sorted_;
};

class Evidence {
  public:
    Evidence(std::size_t memory, double alarm_rate, double floor)
        : alarm_rate_(alarm_rate), floor_(floor), size_(memory), drifts_(memory), spreads_(memory) {}

    std::pair<double, double> step(double error) {
        const double radius = size_.reach(alarm_rate_, floor_);
        if (std::isnan(error)) return {kNaN, radius};
        if (std::fabs(error) <= floor_) error = 0.0;
        ++seen_;
        const double weight = std::max(kSlow, 1.0 / static_cast<double>(seen_));
        drift_ += weight * (error - drift_);
        spread_ += weight * (std::fabs(error) - spread_);
        double found = take(size_, std::fabs(error));
        found += take(drifts_, std::fabs(drift_));
        found += take(spreads_, spread_);
        return {found, radius};
    }

  private:
    double take(Window& window, double a) const {
        const double found = window.surprise(a, floor_);
        window.push(a);
        return found;
    }

    double alarm_rate_, floor_, drift_ = 0.0, spread_ = 0.0;
    std::int64_t seen_ = 0;
    Window size_, drifts_, spreads_;
};

struct Verdict {
    double record, threshold;
    bool raised;
};

class Alarms {
  public:
    Alarms(double alarm_rate, std::int64_t quiet, std::size_t memory, std::int64_t probation)
        : alarm_rate_(alarm_rate),
          quiet_(std::min(quiet, static_cast<std::int64_t>(0.5 / alarm_rate))),
          hazard_(1 / (1 / alarm_rate - static_cast<double>(quiet_))),
          forget_(1 - 1 / static_cast<double>(memory)),
          probation_(probation),
          kept_(memory) {}

    Verdict step(double score) {
        const std::int64_t t = time_++;
        while (!highest_.empty() && highest_.front().first < t - quiet_) highest_.pop_front();
        if (std::isnan(score)) return {kNaN, kNaN, false};
        const bool tops = highest_.empty() || score > highest_.front().second;
        bool is_large = false, begins = false;
        Verdict verdict{tops ? score : 0.0, kNaN, false};
        if (kept_.size() >= kWarm) {
            const Tail tail = kept_.tail(1e-9);
            is_large = score > tail.u;
            begins = is_large && t - last_large_ > kRun;
            const double theta = (begun_ + 1) / (large_ + 1), count = static_cast<double>(tail.n), top = static_cast<double>(tail.k);
            const double p = hazard_ / theta * std::pow(10.0, -correction_);
            verdict.threshold = p < top / count ? tail.u + tail.m * std::log(top / (count * p))
                                                : kept_.from_top(std::min(std::max<std::size_t>(static_cast<std::size_t>(p * count), 1), tail.n));
            const bool again = last_alarm_ >= t - quiet_ && !(score > 2 * last_score_);
            verdict.raised = seen_ >= probation_ && score > 0 && score >= verdict.threshold && tops && !again;
        }
        kept_.push(score);
        ++seen_;
        large_ = large_ * forget_ + is_large;
        begun_ = begun_ * forget_ + begins;
        if (is_large) last_large_ = t;
        if (verdict.raised) last_alarm_ = t, last_score_ = score;
        while (!highest_.empty() && highest_.back().second <= score) highest_.pop_back();
        highest_.emplace_back(t, score);
        if (seen_ > probation_) correction_ = std::clamp(correction_ + kCorrection * ((verdict.raised ? 1.0 : 0.0) - alarm_rate_), -kFarthest, kFarthest);
        return verdict;
    }

  private:
    double alarm_rate_;
    std::int64_t quiet_;
    double hazard_, forget_;
    std::int64_t probation_, time_ = 0, seen_ = 0;
    std::int64_t last_large_ = std::numeric_limits<std::int64_t>::min() / 2, last_alarm_ = std::numeric_limits<std::int64_t>::min() / 2;
    double last_score_ = -kInfinity, large_ = 0.0, begun_ = 0.0, correction_ = 0.0;
    std::deque<std::pair<std::int64_t, double>> highest_;  // the rows of the last `quiet` that no later one tops, falling
    Window kept_;
};

using Input = nb::ndarray<const double, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Output = nb::ndarray<double, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Flags = nb::ndarray<bool, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

void run_evidence(Evidence& state, const Input& errors, const Output& found, const Output& radius) {
    const nb::gil_scoped_release unlocked;
    for (std::size_t t = 0; t < errors.shape(0); ++t) std::tie(found.data()[t], radius.data()[t]) = state.step(errors.data()[t]);
}

void run_alarms(Alarms& state, const Input& scores, const Output& record, const Output& threshold, const Flags& raised) {
    const nb::gil_scoped_release unlocked;
    for (std::size_t t = 0; t < scores.shape(0); ++t) {
        const Verdict verdict = state.step(scores.data()[t]);
        record.data()[t] = verdict.record;
        threshold.data()[t] = verdict.threshold;
        raised.data()[t] = verdict.raised;
    }
}

nb::tuple step_evidence(Evidence& state, double error) {
    const auto [found, radius] = state.step(error);
    return nb::make_tuple(found, radius);
}

nb::tuple step_alarms(Alarms& state, double score) {
    const Verdict verdict = state.step(score);
    return nb::make_tuple(verdict.record, verdict.threshold, verdict.raised);
}

}  // namespace

void bind_detect(nb::module_& m) {
    using namespace nb::literals;
    nb::class_<Evidence>(m, "Evidence")
        .def(nb::init<std::size_t, double, double>(), "memory"_a, "alarm_rate"_a, "floor"_a)
        .def("step", &step_evidence, "error"_a)
        .def("run", &run_evidence, "errors"_a, "found"_a, "radius"_a)
        .def("copy", [](const Evidence& state) { return Evidence(state); });
    nb::class_<Alarms>(m, "Alarms")
        .def(nb::init<double, std::int64_t, std::size_t, std::int64_t>(), "alarm_rate"_a, "quiet"_a, "memory"_a, "probation"_a)
        .def("step", &step_alarms, "score"_a)
        .def("run", &run_alarms, "scores"_a, "record"_a, "threshold"_a, "raised"_a)
        .def("copy", [](const Alarms& state) { return Alarms(state); });
}

}  // namespace inorder
