// The face of kalman.hpp towards Python: many series at once, each with its own matrices.

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <cstdint>
#include <stdexcept>
#include <utility>
#include <vector>

#include "kalman_parts.hpp"
#include "parallel.hpp"

namespace nb = nanobind;

namespace inorder {
namespace {

using Input = nb::ndarray<const double, nb::c_contig, nb::device::cpu>;
using Output = nb::ndarray<double, nb::c_contig, nb::device::cpu>;

struct Job {
    System system;
    const double* y = nullptr;
    Filtered filtered;
    Smoothed smoothed;
    bool back = false;  // whether anything of the smoother is wanted
};

Part part(const Input& array) {  // a leading axis of one is a constant
    const std::int64_t steps = static_cast<std::int64_t>(array.shape(0));
    return {array.data(), steps > 1 ? static_cast<std::int64_t>(array.size()) / steps : 0};
}

// inputs: y (time, p); design, observation intercept and covariance, transition, state intercept, selection, state covariance, each with
// a leading axis of time or of one; mean, covariance and directions of the start. The caller keeps the arrays alive.
void read_system(const nb::tuple& inputs, bool steady, Job& job) {
    std::vector<Input> a;
    for (const nb::handle item : inputs) a.push_back(nb::cast<Input>(item));
    System& s = job.system;
    job.y = a.at(0).data();
    s.time = static_cast<std::int64_t>(a[0].shape(0));
    s.series = static_cast<int>(a[0].shape(1));
    s.states = static_cast<int>(a.at(8).shape(0));
    s.disturbances = static_cast<int>(a.at(7).shape(1));
    s.directions = static_cast<int>(a.at(10).shape(0));
    Part* parts[] = {&s.design, &s.observation_intercept, &s.observation_covariance, &s.transition, &s.state_intercept, &s.selection, &s.state_covariance};
    for (int k = 0; k < 7; ++k) {
        *parts[k] = part(a[k + 1]);
        if (s.time == 1) parts[k]->step = 0;
    }
    s.mean = a[8].data();
    s.covariance = a[9].data();
    s.diffuse = a[10].data();
    s.steady = steady;
}

double* pointer(const nb::handle& item) { return item.is_none() ? nullptr : nb::cast<Output>(item).data(); }

nb::object to_numpy(std::vector<double> values, std::initializer_list<std::size_t> shape) {
    auto* kept = new std::vector<double>(std::move(values));
    const nb::capsule owner(kept, [](void* p) noexcept { delete static_cast<std::vector<double>*>(p); });
    return nb::cast(nb::ndarray<nb::numpy, double>(kept->data(), shape.size(), shape.begin(), owner));
}

// jobs: (inputs, outputs of the filter, outputs of the smoother), the outputs None where they are not wanted.
// Returns for each: mean and covariance of the state after the end, directions (k, m) and covariances (steps, m, m) of the diffuse part, squares, log determinant, elements known, diffuse.
// form: 0, the covariance form, and another where it loses digits; 1, the covariance form; 2, roots.
nb::list kalman(const nb::list& jobs, int form, bool steady, std::int64_t threads) {
    std::vector<Job> work(nb::len(jobs));
    for (std::size_t i = 0; i < work.size(); ++i) {
        const auto job = nb::cast<nb::tuple>(jobs[i]);
        read_system(nb::cast<nb::tuple>(job[0]), steady, work[i]);
        Filtered& f = work[i].filtered;
        Smoothed& b = work[i].smoothed;
        double** forwards[] = {&f.predicted, &f.predicted_covariance, &f.filtered, &f.filtered_covariance, &f.forecast, &f.forecast_covariance, &f.loglik};
        double** backwards[] = {&b.state, &b.covariance, &b.lagged, &b.noise, &b.noise_covariance, &b.disturbance, &b.disturbance_covariance};
        std::size_t k = 0;
        for (const nb::handle item : nb::cast<nb::tuple>(job[1])) *forwards[k++] = pointer(item);
        k = 0;
        for (const nb::handle item : nb::cast<nb::tuple>(job[2])) {
            double* wanted = *backwards[k++] = pointer(item);
            if (wanted) work[i].back = true;
        }
    }
    {
        const nb::gil_scoped_release unlocked;
        for_each(static_cast<std::int64_t>(work.size()), threads, [&](std::int64_t i) {
            Job& job = work[static_cast<std::size_t>(i)];
            if (form == 0) {
                careful_filter_and_smooth(job.system, job.y, job.filtered, job.back ? &job.smoothed : nullptr);
            } else if (form == 2) {
                root_filter_and_smooth(job.system, job.y, job.filtered, job.back ? &job.smoothed : nullptr);
            } else if (job.back) {
                Record record;
                record.after = job.smoothed.lagged;
                filter(job.system, job.y, job.filtered, &record);
                smooth(job.system, record, job.filtered.diffuse_steps, job.smoothed);
            } else {
                filter(job.system, job.y, job.filtered, nullptr);
            }
        });
    }
    nb::list results;
    for (Job& job : work) {
        const std::size_t m = job.system.states;
        Filtered& f = job.filtered;
        const std::size_t steps = f.diffuse_steps, left = f.directions.size() / m;
        results.append(nb::make_tuple(to_numpy(std::move(f.last), {m}), to_numpy(std::move(f.last_covariance), {m, m}), to_numpy(std::move(f.directions), {left, m}), to_numpy(std::move(f.diffuse_covariances), {steps, m, m}), f.totals.squares,
                                      f.totals.log_determinant, f.totals.known, f.totals.diffuse));
    }
    return results;
}

// normals: (draws, m + time (p + r)).   states: (draws, time, m).
void draw(const nb::tuple& inputs, const Input& normals, Output states, bool steady, std::int64_t threads) {
    Job job;
    read_system(inputs, steady, job);
    const std::int64_t draws = static_cast<std::int64_t>(normals.shape(0)), each = static_cast<std::int64_t>(normals.shape(1));
    const double* from = normals.data();
    double* to = states.data();
    const nb::gil_scoped_release unlocked;
    Record record;
    record.after = false;
    filter(job.system, job.y, job.filtered, &record);
    std::vector<double> mean(static_cast<std::size_t>(job.system.time * job.system.states));
    Smoothed back;
    back.state = mean.data();
    const bool doubtful = !(job.filtered.doubt <= LOST && smooth(job.system, record, job.filtered.diffuse_steps, back, job.filtered.least) <= LOST);
    for_each(draws, threads, [&](std::int64_t i) {
        double* out = to + i * job.system.time * job.system.states;
        if (doubtful) simulate_carefully(job.system, job.y, from + i * each, out);
        else simulate(job.system, job.y, record, job.filtered.diffuse_steps, from + i * each, out);
    });
}

}  // namespace

void bind_state_space(nb::module_& m) {
    m.def("kalman", &kalman);
    m.def("kalman_draw", &draw);
}

}  // namespace inorder
