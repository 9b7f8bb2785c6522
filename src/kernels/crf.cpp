// Linear-chain conditional random field: partition function, marginals, best paths. Everything is summed in double precision.
//
//     alpha[t](j) = E[t](j) · Σ_i alpha[t-1](i) · A(i, j),   E = exp(emission - its largest),   A = exp(transition - their largest)
//
// alpha is scaled at each step. A number that leaves the range of double would be lost from the sum in silence, so a sequence goes this
// way only while nothing can: emissions of a step and transitions within 100 nats of each other (-infinity apart), alpha and beta above
// 1e-200. Any other sequence is summed in logarithms, which takes longer.
//
// Equations and source: inorder/textbook/crf.py.

#include <nanobind/nanobind.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include "clones.hpp"
#include "exponential.hpp"
#include "parallel.hpp"

namespace nb = nanobind;

namespace inorder {
namespace {

using Int = std::int64_t;
using Address = std::uintptr_t;
using Row = std::vector<double>;

constexpr double INFINITE = std::numeric_limits<double>::infinity();
constexpr double RANGE = 100;    // nats
constexpr double LEAST = 1e-200;
constexpr Int GROUPS = 16;       // of sequences whose gradients are added up together: fixed, so that threads do not change the sum
constexpr Int WORTH = 64 * 1024; // multiplications that a further thread has to pay for

// emissions (batch, time, tags); path (batch, time), null: none; lengths (batch,), null: time.
template <typename Real>
struct Chain {
    Int batch, time, tags;
    const Real *emissions, *transitions, *start, *end;
    const Int *path, *lengths;

    Int length(Int b) const { return lengths ? std::clamp<Int>(lengths[b], 0, time) : time; }
    const Real* emission(Int b, Int t) const { return emissions + (b * time + t) * tags; }
    Int tag(Int b, Int t) const {
        const Int at = path[b * time + t];
        if (at < 0 || at >= tags)
            throw std::invalid_argument("`targets[" + std::to_string(b) + ", " + std::to_string(t) + "]` is " + std::to_string(at) + ", not a tag from 0 to " +
                                        std::to_string(tags - 1) + ".");
        return at;
    }
};

// exp(value - largest), and whether what is finite lies within RANGE.
struct Factors {
    Row values;
    double largest = 0;
    bool narrow = true;

    template <typename Real>
    Factors(const Real* from, Int count) : values(static_cast<std::size_t>(count)) {
        double least = INFINITE;
        largest = -INFINITE;
        for (Int i = 0; i < count; ++i) {
            const double x = from[i];
            if (std::isnan(x)) narrow = false;
            largest = std::max(largest, x);
            if (x > -INFINITE) least = std::min(least, x);
        }
        narrow = narrow && std::isfinite(largest) && largest - least <= RANGE;
        if (narrow)
            for (Int i = 0; i < count; ++i) values[i] = std::exp(from[i] - largest);
    }
};

template <typename Real>
struct Weights {
    Factors start, end, transitions;
    Row turned;  // transitions with rows for columns
    bool narrow;

    explicit Weights(const Chain<Real>& m)
        : start(m.start, m.tags), end(m.end, m.tags), transitions(m.transitions, m.tags * m.tags), turned(static_cast<std::size_t>(m.tags * m.tags)),
          narrow(start.narrow && end.narrow && transitions.narrow) {
        for (Int i = 0; i < m.tags; ++i)
            for (Int j = 0; j < m.tags; ++j) turned[j * m.tags + i] = transitions.values[i * m.tags + j];
    }
};

INORDER_CLONES void product(const double* INORDER_RESTRICT left, const double* INORDER_RESTRICT matrix, double* INORDER_RESTRICT to, Int n) {
    for (Int j = 0; j < n; ++j) to[j] = 0;
    for (Int i = 0; i < n; ++i) {
        const double a = left[i];
        if (a == 0) continue;
        const double* INORDER_RESTRICT row = matrix + i * n;
        for (Int j = 0; j < n; ++j) to[j] += a * row[j];
    }
}

INORDER_CLONES void outer(const double* INORDER_RESTRICT left, double scale, const double* INORDER_RESTRICT right, double* INORDER_RESTRICT to, Int n) {
    for (Int i = 0; i < n; ++i) {
        const double a = left[i] * scale;
        double* INORDER_RESTRICT row = to + i * n;
        for (Int j = 0; j < n; ++j) row[j] += a * right[j];
    }
}

INORDER_CLONES void powers(const double* INORDER_RESTRICT x, double largest, double* INORDER_RESTRICT to, Int n) {
    for (Int j = 0; j < n; ++j) to[j] = exponential(x[j] - largest);
}

// Scales to sum 1; the logarithm of the sum, or NaN where something may have been lost.
double normalise(double* x, Int n) {
    double sum = 0;
    for (Int j = 0; j < n; ++j) sum += x[j];
    if (!(sum > 0 && sum < INFINITE)) return std::nan("");
    const double scale = 1 / sum;
    bool kept = true;
    for (Int j = 0; j < n; ++j) {
        x[j] *= scale;
        kept &= x[j] == 0 || x[j] >= LEAST;
    }
    return kept ? std::log(sum) : std::nan("");
}

struct Room {  // of one sequence
    Row wide, powers, alpha, beta, weighted, next, log_alpha, log_beta;
};

// E[t], and the largest emission; NaN where they are too far apart.
template <typename Real>
double emitted(const Real* e, Int n, Room& room, double* to) {
    double least = e[0], largest = e[0];
    for (Int j = 0; j < n; ++j) {
        const double x = e[j];
        room.wide[j] = x;
        least = x < least ? x : least;
        largest = x > largest ? x : largest;
    }
    if (!(std::isfinite(largest) && largest - least <= RANGE)) return std::nan("");
    powers(room.wide.data(), largest, to, n);
    return largest;
}

// ln Z by scaled sums, with alpha (length, tags) and E (length, tags) where `keep`; NaN where something may have been lost.
template <typename Real>
double scaled(const Chain<Real>& m, const Weights<Real>& w, Int b, Int length, bool keep, Room& room) {
    const Int n = m.tags, rows = keep ? length : 2;
    room.wide.resize(n);
    room.alpha.resize(std::max(room.alpha.size(), static_cast<std::size_t>(rows * n)));
    room.powers.resize(std::max(room.powers.size(), static_cast<std::size_t>(rows * n)));
    double sum = w.start.largest + w.end.largest + static_cast<double>(length - 1) * w.transitions.largest;
    for (Int t = 0; t < length; ++t) {
        double* alpha = room.alpha.data() + (keep ? t : t % 2) * n;
        double* e = room.powers.data() + (keep ? t : t % 2) * n;
        const double largest = emitted(m.emission(b, t), n, room, e);
        if (t == 0)
            std::copy_n(w.start.values.data(), n, alpha);
        else
            product(room.alpha.data() + (keep ? t - 1 : (t - 1) % 2) * n, w.transitions.values.data(), alpha, n);
        for (Int j = 0; j < n; ++j) alpha[j] *= e[j];
        sum += largest + normalise(alpha, n);
        if (std::isnan(sum)) return sum;
    }
    const double* alpha = room.alpha.data() + (keep ? length - 1 : (length - 1) % 2) * n;
    double total = 0;
    for (Int j = 0; j < n; ++j) total += alpha[j] * w.end.values[j];
    return total > LEAST ? sum + std::log(total) : std::nan("");
}

double log_sum(const double* x, Int n) {
    const double largest = *std::max_element(x, x + n);
    if (largest == -INFINITE) {
        for (Int j = 0; j < n; ++j)
            if (std::isnan(x[j])) return x[j];
        return largest;
    }
    double sum = 0;
    for (Int j = 0; j < n; ++j) sum += std::exp(x[j] - largest);
    return largest + std::log(sum);
}

// ln Z in logarithms, with ln alpha (length, tags).
template <typename Real>
double careful(const Chain<Real>& m, Int b, Int length, Room& room) {
    const Int n = m.tags;
    room.log_alpha.resize(length * n);
    room.next.resize(n);
    for (Int t = 0; t < length; ++t) {
        const Real* e = m.emission(b, t);
        double* alpha = room.log_alpha.data() + t * n;
        for (Int j = 0; j < n; ++j) {
            if (t == 0) {
                alpha[j] = static_cast<double>(m.start[j]) + e[j];
                continue;
            }
            for (Int i = 0; i < n; ++i) room.next[i] = alpha[i - n] + m.transitions[i * n + j];
            alpha[j] = log_sum(room.next.data(), n) + e[j];
        }
    }
    for (Int j = 0; j < n; ++j) room.next[j] = room.log_alpha[(length - 1) * n + j] + m.end[j];
    return log_sum(room.next.data(), n);
}

template <typename Real>
double score(const Chain<Real>& m, Int b, Int length) {
    double sum = 0;
    for (Int t = 0; t < length; ++t) {
        const Int now = m.tag(b, t);
        sum += m.emission(b, t)[now];
        sum += t == 0 ? m.start[now] : m.transitions[m.tag(b, t - 1) * m.tags + now];
    }
    return sum + m.end[m.tag(b, length - 1)];
}

// What a group of sequences adds to the gradients of the parameters.
struct Sums {
    Row scaled, plain, start, end;  // scaled: still to be multiplied with A
    explicit Sums(Int n) : scaled(n * n), plain(n * n), start(n), end(n) {}
};

// weight · P(tag at t) into `to` (length, tags), by beta backwards.   false: something may have been lost.
template <typename Real>
bool scaled_marginals(const Chain<Real>& m, const Weights<Real>& w, Int b, Int length, double weight, Room& room, Real* to, Sums& sums) {
    const Int n = m.tags;
    if (!w.narrow || std::isnan(scaled(m, w, b, length, true, room))) return false;
    room.beta.assign(w.end.values.begin(), w.end.values.end());
    room.weighted.resize((length + 1) * n);
    Row norms(static_cast<std::size_t>(length));
    for (Int t = length - 1; t >= 0; --t) {  // nothing is added to `sums` before all is known to be good
        if (std::isnan(normalise(room.beta.data(), n))) return false;
        const double* alpha = room.alpha.data() + t * n;
        double norm = 0;
        for (Int j = 0; j < n; ++j) norm += alpha[j] * room.beta[j];
        if (!(norm > LEAST)) return false;
        for (Int j = 0; j < n; ++j) to[t * n + j] = static_cast<Real>(weight * alpha[j] * room.beta[j] / norm);
        double* weighted = room.weighted.data() + t * n;
        for (Int j = 0; j < n; ++j) weighted[j] = room.powers[t * n + j] * room.beta[j];
        if (t == 0) break;
        product(weighted, w.turned.data(), room.beta.data(), n);
        norms[t] = 0;
        for (Int i = 0; i < n; ++i) norms[t] += alpha[i - n] * room.beta[i];
        if (!(norms[t] > LEAST)) return false;
    }
    for (Int t = 1; t < length; ++t) outer(room.alpha.data() + (t - 1) * n, weight / norms[t], room.weighted.data() + t * n, sums.scaled.data(), n);
    return true;
}

// The same in logarithms.   false: no path is possible, so that there is nothing to differentiate.
template <typename Real>
bool careful_marginals(const Chain<Real>& m, Int b, Int length, double weight, Room& room, Real* to, Sums& sums) {
    const Int n = m.tags;
    const double total = careful(m, b, length, room);
    room.log_beta.resize(n);
    for (Int j = 0; j < n; ++j) room.log_beta[j] = m.end[j];
    Row ahead(static_cast<std::size_t>(n));
    for (Int t = length - 1; t >= 0; --t) {
        const double* alpha = room.log_alpha.data() + t * n;
        for (Int j = 0; j < n; ++j) to[t * n + j] = static_cast<Real>(total == -INFINITE ? 0 : weight * std::exp(alpha[j] + room.log_beta[j] - total));
        if (t == 0) break;
        for (Int j = 0; j < n; ++j) ahead[j] = m.emission(b, t)[j] + room.log_beta[j];
        for (Int i = 0; i < n; ++i) {
            for (Int j = 0; j < n; ++j) {
                room.next[j] = m.transitions[i * n + j] + ahead[j];
                if (total != -INFINITE) sums.plain[i * n + j] += weight * std::exp(alpha[i - n] + room.next[j] - total);
            }
            room.log_beta[i] = log_sum(room.next.data(), n);
        }
    }
    return total != -INFINITE;
}

// (batch,) ln Z, less the score of the path where there is one.
template <typename Real>
void partition(const Chain<Real>& m, Real* result, Int threads) {
    const Weights<Real> w(m);
    for_each(m.batch, threads, Team::torch, [&](Int b) {
        const Int length = m.length(b);
        if (length == 0) {
            result[b] = 0;
            return;
        }
        thread_local Room room;
        double sum = w.narrow ? scaled(m, w, b, length, false, room) : std::nan("");
        if (std::isnan(sum)) sum = careful(m, b, length, room);
        if (m.path) {
            sum = sum == -INFINITE ? INFINITE : sum - score(m, b, length);  // where no path is possible, neither is this one
            if (sum < 0) sum = 0;                                            // a path is never likelier than all together: what is below is rounding
        }
        result[b] = static_cast<Real>(sum);
    });
}

// Σ_b weight[b] · the gradient of `partition`: by emissions (batch, time, tags), transitions, start, end.
template <typename Real>
void gradient(const Chain<Real>& m, const Real* weight, Real* d_emissions, Real* d_transitions, Real* d_start, Real* d_end, Int threads) {
    const Int n = m.tags, size = std::max<Int>((m.batch + GROUPS - 1) / GROUPS, 1), groups = (m.batch + size - 1) / size;
    const Weights<Real> w(m);
    std::vector<Sums> all(static_cast<std::size_t>(groups), Sums(n));
    for_each(groups, threads, Team::torch, [&](Int group) {
        Sums& sums = all[group];
        thread_local Room room;
        for (Int b = group * size; b < std::min((group + 1) * size, m.batch); ++b) {
            const Int length = m.length(b);
            Real* to = d_emissions + b * m.time * n;
            std::fill(to + length * n, to + m.time * n, Real(0));
            if (length == 0) continue;
            const double factor = weight[b];
            const bool possible = scaled_marginals(m, w, b, length, factor, room, to, sums) || careful_marginals(m, b, length, factor, room, to, sums);
            for (Int t = 0; m.path && possible && t < length; ++t) {
                const Int now = m.tag(b, t);
                to[t * n + now] -= static_cast<Real>(factor);
                if (t > 0) sums.plain[m.tag(b, t - 1) * n + now] -= factor;
            }
            for (Int j = 0; j < n; ++j) {
                sums.start[j] += to[j];
                sums.end[j] += to[(length - 1) * n + j];
            }
        }
    });
    const auto total = [&](const Row Sums::*part, Int i) {
        double sum = 0;
        for (const Sums& sums : all) sum += (sums.*part)[i];
        return sum;
    };
    for (Int i = 0; i < n * n; ++i)
        d_transitions[i] = static_cast<Real>(total(&Sums::plain, i) + (w.narrow ? total(&Sums::scaled, i) * w.transitions.values[i] : 0.0));
    for (Int j = 0; j < n; ++j) {
        d_start[j] = static_cast<Real>(total(&Sums::start, j));
        d_end[j] = static_cast<Real>(total(&Sums::end, j));
    }
}

struct Step {  // the end of one of the best ways to a tag, and where it came from
    double score;
    std::int32_t tag, rank;
};

// The `count` best paths: paths (batch, count, time), -1 where there is none, and scores (batch, count), best first; of equal ones the
// one that came from the smaller tag. -infinity: no such path.
template <typename Real>
void best(const Chain<Real>& m, Int count, Int* paths, double* scores, Int threads) {
    const Int n = m.tags;
    for_each(m.batch, threads, Team::torch, [&](Int b) {
        const Int length = m.length(b);
        std::fill_n(paths + b * count * m.time, count * m.time, Int(-1));
        std::fill_n(scores + b * count, count, -INFINITE);
        if (length == 0) {
            scores[b * count] = 0;  // one path, the empty one
            return;
        }
        const Step none{-INFINITE, 0, 0};
        std::vector<Step> ways(static_cast<std::size_t>(length * n * count), none);  // (time, tags, count)
        const auto offer = [count](Step* kept, const Step& way) {
            if (!(way.score > kept[count - 1].score)) return;
            Int k = count - 1;
            for (; k > 0 && way.score > kept[k - 1].score; --k) kept[k] = kept[k - 1];
            kept[k] = way;
        };
        for (Int j = 0; j < n; ++j) ways[j * count].score = static_cast<double>(m.start[j]) + m.emission(b, 0)[j];
        for (Int t = 1; t < length; ++t) {
            const Step* before = ways.data() + (t - 1) * n * count;
            for (Int i = 0; i < n; ++i)
                for (Int k = 0; k < count && before[i * count + k].score > -INFINITE; ++k)
                    for (Int j = 0; j < n; ++j)
                        offer(ways.data() + (t * n + j) * count,
                              {before[i * count + k].score + m.transitions[i * n + j], static_cast<std::int32_t>(i), static_cast<std::int32_t>(k)});
            for (Int j = 0; j < n; ++j)
                for (Int k = 0; k < count; ++k) ways[(t * n + j) * count + k].score += m.emission(b, t)[j];
        }
        std::vector<Step> ends(static_cast<std::size_t>(count), none);
        const Step* last = ways.data() + (length - 1) * n * count;
        for (Int j = 0; j < n; ++j)
            for (Int k = 0; k < count; ++k)
                offer(ends.data(), {last[j * count + k].score + m.end[j], static_cast<std::int32_t>(j), static_cast<std::int32_t>(k)});
        for (Int k = 0; k < count && ends[k].score > -INFINITE; ++k) {
            scores[b * count + k] = ends[k].score;
            Int tag = ends[k].tag, rank = ends[k].rank;
            for (Int t = length - 1; t >= 0; --t) {
                paths[(b * count + k) * m.time + t] = tag;
                const Step& way = ways[(t * n + tag) * count + rank];
                tag = way.tag, rank = way.rank;
            }
        }
    });
}

template <typename Real>
struct Given {  // addresses, 0 where there is nothing
    Chain<Real> chain;
    Int threads;

    Given(Int batch, Int time, Int tags, Address emissions, Address transitions, Address start, Address end, Address path, Address lengths, Int most)
        : chain{batch, time, tags, read(emissions), read(transitions), read(start), read(end), whole(path), whole(lengths)},
          threads(batch * time * tags * tags < 2 * WORTH ? 1 : std::max<Int>(most, 1)) {}
    static const Real* read(Address a) { return reinterpret_cast<const Real*>(a); }
    static const Int* whole(Address a) { return reinterpret_cast<const Int*>(a); }
};

template <typename Real>
void bind(nb::module_& m, const std::string& kind) {
    using namespace nb::literals;
    nb::class_<Given<Real>>(m, ("Chain_" + kind).c_str())
        .def(nb::init<Int, Int, Int, Address, Address, Address, Address, Address, Address, Int>())
        .def("partition",
             [](const Given<Real>& g, Address result) {
                 const nb::gil_scoped_release unlocked;
                 partition(g.chain, reinterpret_cast<Real*>(result), g.threads);
             })
        .def("gradient",
             [](const Given<Real>& g, Address weight, Address emissions, Address transitions, Address start, Address end) {
                 const nb::gil_scoped_release unlocked;
                 const auto write = [](Address a) { return reinterpret_cast<Real*>(a); };
                 gradient(g.chain, Given<Real>::read(weight), write(emissions), write(transitions), write(start), write(end), g.threads);
             })
        .def("best", [](const Given<Real>& g, Int count, Address paths, Address scores) {
            const nb::gil_scoped_release unlocked;
            best(g.chain, count, reinterpret_cast<Int*>(paths), reinterpret_cast<double*>(scores), g.threads);
        });
}

}  // namespace

void bind_crf(nb::module_& m) {
    bind<float>(m, "float");
    bind<double>(m, "double");
}

}  // namespace inorder
