// Bindings of the ARIMA family: the likelihood (arma), fitting and choosing orders (arima_search), and the filter of a fitted model.

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <tuple>
#include <vector>

#include "arima_filter.hpp"
#include "arima_search.hpp"
#include "arma.hpp"
#include "parallel.hpp"

namespace nb = nanobind;

namespace inorder {
namespace {

template <typename T>
using Array = nb::ndarray<T, nb::c_contig, nb::device::cpu>;
using Numpy = nb::ndarray<nb::numpy, double, nb::c_contig>;
using Whole = std::vector<int>;  // p, q, P, Q, s

Orders orders_of(const Whole& w) { return {w[0], w[1], w[2], w[3], w[4]}; }

Columns columns_of(const Array<const double>& values, int integrated) {
    Columns columns;
    columns.values = values.data();
    columns.n = static_cast<std::int64_t>(values.shape(1));
    columns.integrated = integrated;
    columns.regressors = static_cast<int>(values.shape(0)) - 1 - integrated;
    return columns;
}

Numpy owned(std::vector<double>&& values, std::initializer_list<std::size_t> shape) {
    auto* kept = new std::vector<double>(std::move(values));
    const nb::capsule owner(kept, [](void* p) noexcept { delete static_cast<std::vector<double>*>(p); });
    return Numpy(kept->data(), shape, owner);
}

// (f, squares, terms) at given coefficients; the gradient by coefficient, beta and the Cholesky factor of the columns where arrays are given.
std::tuple<double, double, double> evaluate(Array<const double> values, int integrated, bool filtered, int d, int D, const Whole& orders, Array<const double> coefficients,
                                            nb::object slope, nb::object beta, nb::object factor) {
    const bool more = !slope.is_none();
    double *to_slope = nullptr, *to_beta = nullptr, *to_factor = nullptr;
    if (more) {
        to_slope = nb::cast<Array<double>>(slope).data();
        to_beta = nb::cast<Array<double>>(beta).data();
        to_factor = nb::cast<Array<double>>(factor).data();
    }
    const Columns columns = columns_of(values, integrated);
    const Orders o = orders_of(orders);
    const double* c = coefficients.data();
    const nb::gil_scoped_release unlocked;
    Objective objective(columns, filtered, {d, D});
    const double f = objective.value(o, c);
    if (more && std::isfinite(f)) {
        std::copy(objective.beta().begin(), objective.beta().end(), to_beta);
        std::copy(objective.factor().begin(), objective.factor().end(), to_factor);
        objective.gradient(to_slope);
    }
    return {f, objective.squares(), objective.terms()};
}

// A contiguous array of numbers along one axis, as the buffer protocol gives it: cheaper than a general array where a call takes microseconds.
class Vector {
public:
    explicit Vector(nb::handle object) {
        constexpr int flags = PyBUF_C_CONTIGUOUS | PyBUF_FORMAT;
        if (PyObject_GetBuffer(object.ptr(), &view_, flags) != 0) {
            PyErr_Clear();
            return;
        }
        held_ = true;
        valid_ = view_.ndim == 1 && view_.itemsize == sizeof(double) && view_.format && view_.format[0] == 'd' && view_.format[1] == 0;
    }
    Vector(const Vector&) = delete;
    Vector& operator=(const Vector&) = delete;
    ~Vector() {
        if (held_) PyBuffer_Release(&view_);
    }
    bool valid() const { return valid_; }
    std::int64_t size() const { return view_.shape[0]; }
    const double* data() const { return static_cast<const double*>(view_.buf); }

private:
    Py_buffer view_;
    bool held_ = false, valid_ = false;
};

// The log-likelihood of one series, already differenced: nothing but the number. None where an argument is not what it should be.
nb::object loglik(nb::handle series, nb::handle orders, nb::handle coefficients) {
    if (!PyTuple_Check(orders.ptr()) || PyTuple_GET_SIZE(orders.ptr()) != 5) return nb::none();
    int whole[5];
    for (int i = 0; i < 5; ++i) {
        PyObject* one = PyTuple_GET_ITEM(orders.ptr(), i);
        const long value = PyLong_Check(one) ? PyLong_AsLong(one) : -1;
        if (value < 0 || value > 1000000) {
            PyErr_Clear();
            return nb::none();
        }
        whole[i] = static_cast<int>(value);
    }
    const Orders o{whole[0], whole[1], whole[2], whole[3], whole[4]};
    const Vector w(series), c(coefficients);
    if (!w.valid() || !c.valid() || o.s < 1 || c.size() != o.count()) return nb::none();
    Columns columns;
    columns.values = w.data();
    columns.n = w.size();
    double f;
    {
        const nb::gil_scoped_release unlocked;
        Arma arma(columns);
        f = arma.value(o, c.data());
    }
    return nb::steal(PyFloat_FromDouble(-static_cast<double>(columns.n) * (f + 0.5 * (1 + 1.8378770664093453))));
}

// f of one series, already differenced, at many coefficients: (models, k).
void evaluate_many(Array<const double> series, const Whole& orders, Array<const double> coefficients, std::int64_t threads, Array<double> result) {
    Columns columns;
    columns.values = series.data();
    columns.n = static_cast<std::int64_t>(series.shape(0));
    const Orders o = orders_of(orders);
    const std::int64_t models = static_cast<std::int64_t>(coefficients.shape(0)), share = 64;
    const double* c = coefficients.data();
    double* to = result.data();
    const nb::gil_scoped_release unlocked;
    for_each((models + share - 1) / share, threads, [=](std::int64_t part) {
        Arma arma(columns);
        for (std::int64_t i = part * share; i < std::min(models, (part + 1) * share); ++i) to[i] = arma.value(o, c + i * o.count());
    });
}

struct Found {
    Candidate best;
    std::vector<double> coefficients, beta, rows;
    double squares = 0, terms = 0;
    bool out_of_time = false;
};

Found found_by(Search& search, Candidate best, bool traced) {
    Found found;
    found.best = best;
    found.out_of_time = search.out_of_time;
    if (best.u.size() == static_cast<std::size_t>(best.orders.count()) && std::isfinite(best.loglik)) {
        found.coefficients.resize(best.orders.count());
        Objective& objective = search.objective(best.constant);
        to_coefficients(best.orders, best.u.data(), objective.modulus, found.coefficients.data());
        objective.value(best.orders, found.coefficients.data());
        found.beta = objective.beta();
        if (best.constant) found.beta.back() += search.centre();
        found.squares = objective.squares();
        found.terms = objective.terms();
    }
    for (const Candidate& c : traced ? search.trace : std::vector<Candidate>{best}) {
        for (const double x : {double(c.orders.p), double(c.orders.q), double(c.orders.P), double(c.orders.Q), double(c.constant), c.loglik, c.criterion}) {
            found.rows.push_back(x);
        }
    }
    return found;
}

nb::tuple as_tuple(Found&& found) {
    const Orders& o = found.best.orders;
    const std::size_t k = found.coefficients.size(), columns = found.beta.size(), rows = found.rows.size() / 7;
    return nb::make_tuple(nb::make_tuple(o.p, o.q, o.P, o.Q), found.best.constant, owned(std::move(found.coefficients), {k}), owned(std::move(found.beta), {columns}),
                          found.best.loglik, found.squares, found.terms, owned(std::move(found.rows), {rows, 7}), found.out_of_time);
}

Clock::time_point deadline_in(double seconds) {
    if (!(seconds < 1e9)) return Clock::time_point::max();
    return Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
}

// values: differenced columns, or with `filtered` as they came; the last one is the constant where `constant` says so.
nb::tuple fit(Array<const double> values, int integrated, bool constant, bool filtered, int d, int D, const Whole& orders, double seconds) {
    const Columns columns = columns_of(values, integrated);
    const Orders o = orders_of(orders);
    Limits limits;
    limits.deadline = deadline_in(seconds);
    Found found;
    {
        const nb::gil_scoped_release unlocked;
        Search search(columns, constant, filtered, {d, D});
        found = found_by(search, search.fit(o, constant, limits), false);
    }
    return as_tuple(std::move(found));
}

// largest: p, q, P, Q, s, and of their sum.   constant: 0 never, 1 always, 2 with and without.
nb::tuple choose(Array<const double> values, int integrated, int constant, bool filtered, int d, int D, const Whole& largest, int criterion, bool stepwise,
                 int max_models, double root, double seconds) {
    const Columns columns = columns_of(values, integrated);
    Limits limits;
    limits.max_p = largest[0];
    limits.max_q = largest[1];
    limits.max_P = largest[2];
    limits.max_Q = largest[3];
    limits.season = largest[4];
    limits.max_order = largest[5];
    limits.with = constant != 0;
    limits.without = constant != 1;
    limits.criterion = static_cast<Criterion>(criterion);
    limits.stepwise = stepwise;
    limits.max_models = max_models;
    limits.root = root;
    limits.deadline = deadline_in(seconds);
    Found found;
    {
        const nb::gil_scoped_release unlocked;
        Search search(columns, constant != 0, filtered, {d, D});
        found = found_by(search, search.choose(limits), true);
    }
    return as_tuple(std::move(found));
}

void load(Filter& filter, std::int64_t seen, const Array<const double>& a, const Array<const double>& P, const Array<const double>& W) {
    filter.seen = seen;
    if (a.size()) filter.a.assign(a.data(), a.data() + a.size());
    filter.P.assign(P.data(), P.data() + P.size());
    filter.W.assign(W.data(), W.data() + W.size());
}

// Over a stretch: (time,) one-step forecasts, and the state after it.   With `horizon` above 0 `made` is (time, horizon), the forecasts along it.
nb::tuple run(Array<const double> y, int d, int D, const Whole& orders, Array<const double> coefficients, double mean, std::int64_t seen, Array<const double> a,
              Array<const double> P, Array<const double> W, int horizon) {
    const std::int64_t n = static_cast<std::int64_t>(y.shape(0));
    std::vector<double> fitted(n), made(static_cast<std::size_t>(n) * horizon);
    Filter filter(orders_of(orders), {d, D}, coefficients.data(), mean);
    load(filter, seen, a, P, W);
    {
        const nb::gil_scoped_release unlocked;
        double error, F;
        for (std::int64_t t = 0; t < n; ++t) {
            if (horizon) filter.means(horizon, made.data() + t * horizon);
            filter.step(y.data() + t, &error, F, fitted[t]);
        }
    }
    const std::size_t length = static_cast<std::size_t>(n), size = static_cast<std::size_t>(filter.size()), side = filter.P.empty() ? 0 : size,
                      diffuse = static_cast<std::size_t>(filter.diffuse()), held = filter.a.size();
    return nb::make_tuple(owned(std::move(fitted), {length}), filter.seen, owned(std::move(filter.a), {held}), owned(std::move(filter.P), {side, side}),
                          owned(std::move(filter.W), {diffuse, size}), owned(std::move(made), {length, static_cast<std::size_t>(horizon)}));
}

// (horizon,) means and variances, in units of the noise's variance.
nb::tuple ahead(int horizon, int d, int D, const Whole& orders, Array<const double> coefficients, double mean, std::int64_t seen, Array<const double> a,
                Array<const double> P, Array<const double> W, bool with_variances) {
    std::vector<double> means(horizon), variances(with_variances ? horizon : 0);
    Filter filter(orders_of(orders), {d, D}, coefficients.data(), mean);
    load(filter, seen, a, P, W);
    {
        const nb::gil_scoped_release unlocked;
        filter.means(horizon, means.data());
        if (with_variances) filter.variances(horizon, variances.data());
    }
    const std::size_t h = means.size(), v = variances.size();
    return nb::make_tuple(owned(std::move(means), {h}), owned(std::move(variances), {v}));
}

}  // namespace

void bind_arima(nb::module_& m) {
    m.def("arima_evaluate", &evaluate, nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg().none(), nb::arg().none(), nb::arg().none());
    m.def("arima_loglik", &loglik, nb::arg().none(), nb::arg().none(), nb::arg().none());
    m.def("arima_evaluate_many", &evaluate_many);
    m.def("arima_fit", &fit);
    m.def("arima_choose", &choose);
    m.def("arima_run", &run);
    m.def("arima_ahead", &ahead);
}

}  // namespace inorder
