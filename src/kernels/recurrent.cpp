// Recurrent layers for Python: `recurrent.hpp` says what a layer is. Arrays come as addresses, 0 where there is none; the face
// inorder/kernels/recurrent.py makes and checks them.

#include "recurrent.hpp"

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <numeric>

#include "flush.hpp"
#include "parallel.hpp"

namespace nb = nanobind;

namespace inorder {
namespace {

using Address = std::uintptr_t;

template <typename T>
T* at(Address address) {
    return reinterpret_cast<T*>(address);
}

constexpr std::int64_t SMALL = 4;  // sequences that a thread should have at least: less does not fill a product

// Sequences dealt out longest first, so that shards take equally long. What a sequence gives does not depend on which others are beside it.
std::vector<Shard> shards(std::int64_t batch, const std::int64_t* lengths, std::int64_t threads) {
    std::vector<std::int64_t> order(static_cast<std::size_t>(batch));
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) { return lengths[a] > lengths[b]; });
    const std::int64_t count = std::max<std::int64_t>(1, std::min(threads, batch / SMALL));
    std::vector<Shard> dealt(static_cast<std::size_t>(count));
    for (std::int64_t i = 0; i < batch; ++i) dealt[i % count].members.push_back(order[i]);
    for (Shard& shard : dealt) shard.longest = shard.members.empty() ? 0 : lengths[shard.members[0]];
    return dealt;
}

template <typename Layer>
void over(const Layer& layer, std::int64_t threads, void (*work)(const Layer&, const Shard&)) {
    const std::vector<Shard> all = shards(layer.batch, layer.lengths, threads);
    for_each(static_cast<std::int64_t>(all.size()), threads, Team::torch, [&](std::int64_t i) {
        const Flush flush;
        work(layer, all[i]);
    });
}

template <typename Real>
void fill(Layer<Real>& m, std::int64_t batch, std::int64_t rows, std::int64_t hidden, std::int64_t output, bool reverse, double hold,
          const std::vector<Address>& a) {
    m.batch = batch, m.hidden = hidden, m.output = output, m.reverse = reverse;
    m.hold_always = static_cast<Real>(hold);
    m.starts = at<const std::int64_t>(a[0]), m.lengths = at<const std::int64_t>(a[1]);
    for (std::int64_t b = 0; b < batch; ++b)
        if (m.lengths[b] < 0 || m.lengths[b] > rows || m.starts[b] < 0 || m.starts[b] > rows - m.lengths[b]) throw nb::index_error("rows out of range");
    m.pre = at<const Real>(a[2]), m.h0 = at<const Real>(a[3]);
    m.scale = at<const Real>(a[4]), m.shift = at<const Real>(a[5]), m.drop = at<const Real>(a[6]), m.hold = at<const Real>(a[7]);
    m.out = at<Real>(a[8]), m.last = at<Real>(a[9]), m.before = at<Real>(a[10]), m.gates = at<Real>(a[11]);
    m.normed = at<Real>(a[12]), m.spread = at<Real>(a[13]);
    m.d_out = at<const Real>(a[14]), m.d_last = at<const Real>(a[15]);
    m.d_pre = at<Real>(a[16]), m.d_h0 = at<Real>(a[17]), m.d_scale = at<Real>(a[18]), m.d_shift = at<Real>(a[19]);
}

// own: peepholes, cell scale, cell shift, c0, hold of cells, cell, shown, last cell, cell normed, cell spread, d of last cell, d of c0,
//      d of peepholes, d of cell scale, d of cell shift, d of what was projected.   weights: recurrent, projection.
template <typename Real>
void lstm(bool backward, std::int64_t batch, std::int64_t rows, std::int64_t hidden, std::int64_t output, bool reverse, double hold, double hold_cell, bool coupled,
          const std::vector<Address>& shared, const std::vector<Address>& own, Address weights, Address projection, std::int64_t threads) {
    const nb::gil_scoped_release unlocked;
    LSTMLayer<Real> m{};
    fill(m, batch, rows, hidden, output, reverse, hold, shared);
    m.coupled = coupled, m.hold_cell_always = static_cast<Real>(hold_cell);
    m.peepholes = at<const Real>(own[0]), m.cell_scale = at<const Real>(own[1]), m.cell_shift = at<const Real>(own[2]), m.c0 = at<const Real>(own[3]);
    m.hold_cell = at<const Real>(own[4]), m.cell = at<Real>(own[5]), m.shown = at<Real>(own[6]), m.cell_last = at<Real>(own[7]);
    m.cell_normed = at<Real>(own[8]), m.cell_spread = at<Real>(own[9]), m.d_cell_last = at<const Real>(own[10]), m.d_c0 = at<Real>(own[11]);
    m.d_peepholes = at<Real>(own[12]), m.d_cell_scale = at<Real>(own[13]), m.d_cell_shift = at<Real>(own[14]), m.d_projected = at<Real>(own[15]);
    const std::int64_t wide = (coupled ? 3 : 4) * hidden;
    const Real *w = at<const Real>(weights), *v = at<const Real>(projection);
    if (backward) {
        m.back = pack(w, wide, output, output, 1);
        if (v) m.unproject = pack(v, output, hidden, hidden, 1);
        over(m, threads, steps<Real>().lstm_backward);
    } else {
        m.recurrent = pack(w, output, wide, 1, output);
        if (v) m.project = pack(v, hidden, output, 1, hidden);
        over(m, threads, steps<Real>().lstm_forward);
    }
}

template <typename Real>
void gru(bool backward, std::int64_t batch, std::int64_t rows, std::int64_t hidden, bool reverse, double hold, bool reset_after, const std::vector<Address>& shared,
         Address bias, Address d_product, Address weights, std::int64_t threads) {
    const nb::gil_scoped_release unlocked;
    GRULayer<Real> m{};
    fill(m, batch, rows, hidden, hidden, reverse, hold, shared);
    m.reset_after = reset_after, m.bias = at<const Real>(bias), m.d_product = at<Real>(d_product);
    const Real* w = at<const Real>(weights);
    const std::int64_t first = (reset_after ? 3 : 2) * hidden;
    if (backward) {
        m.back = pack(w, first, hidden, hidden, 1);
        if (!reset_after) m.candidate_back = pack(w + first * hidden, hidden, hidden, hidden, 1);
        over(m, threads, steps<Real>().gru_backward);
    } else {
        m.recurrent = pack(w, hidden, first, 1, hidden);
        if (!reset_after) m.candidate = pack(w + first * hidden, hidden, hidden, 1, hidden);
        over(m, threads, steps<Real>().gru_forward);
    }
}

template <typename Real>
void rnn(bool backward, std::int64_t batch, std::int64_t rows, std::int64_t hidden, bool reverse, double hold, bool relu, const std::vector<Address>& shared, Address weights,
         std::int64_t threads) {
    const nb::gil_scoped_release unlocked;
    RNNLayer<Real> m{};
    fill(m, batch, rows, hidden, hidden, reverse, hold, shared);
    m.relu = relu;
    const Real* w = at<const Real>(weights);
    if (backward) {
        m.back = pack(w, hidden, hidden, hidden, 1);
        over(m, threads, steps<Real>().rnn_backward);
    } else {
        m.recurrent = pack(w, hidden, hidden, 1, hidden);
        over(m, threads, steps<Real>().rnn_forward);
    }
}

// --- streams: one step of one sequence, weights packed once ---

using Vector = nb::ndarray<const float, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Matrix = nb::ndarray<const float, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

enum class Cell { lstm, gru, tanh, relu };

struct StreamLayer {
    std::int64_t inputs, hidden;
    Packed<float> weights, recurrent;  // LSTM and RNN: of x and h together; GRU: of each
    Line<float> bias, hidden_bias, joined, state, cell, scratch;
};

// Layers stacked in one direction, and the state after what was seen so far.
class Stream {
public:
    explicit Stream(int kind) : kind_(static_cast<Cell>(kind)) {}

    void add(Matrix input_weights, Matrix hidden_weights, Vector bias, Vector hidden_bias) {
        StreamLayer layer;
        const auto wide = static_cast<std::int64_t>(input_weights.shape(0));
        const std::int64_t I = layer.inputs = static_cast<std::int64_t>(input_weights.shape(1)), H = layer.hidden = static_cast<std::int64_t>(hidden_weights.shape(1));
        layer.bias.assign(bias.data(), bias.data() + wide);
        layer.hidden_bias.assign(hidden_bias.data(), hidden_bias.data() + wide);
        if (kind_ == Cell::gru) {
            layer.weights = pack(input_weights.data(), I, wide, 1, I);
            layer.recurrent = pack(hidden_weights.data(), H, wide, 1, H);
            for (std::int64_t j = 0; j < 2 * H; ++j) layer.bias[j] += layer.hidden_bias[j];
            layer.hidden_bias.erase(layer.hidden_bias.begin(), layer.hidden_bias.begin() + 2 * H);
        } else {
            std::vector<float> both(static_cast<std::size_t>(wide * (I + H)));
            for (std::int64_t j = 0; j < wide; ++j) {
                std::copy_n(input_weights.data() + j * I, I, both.data() + j * (I + H));
                std::copy_n(hidden_weights.data() + j * H, H, both.data() + j * (I + H) + I);
                layer.bias[j] += layer.hidden_bias[j];
            }
            layer.weights = pack(both.data(), I + H, wide, 1, I + H);
        }
        layer.joined.resize(static_cast<std::size_t>(I + H));
        layer.state.resize(static_cast<std::size_t>(H));
        layer.cell.resize(static_cast<std::size_t>(H));
        layer.scratch.resize(static_cast<std::size_t>(layer.weights.padded + layer.recurrent.padded + 5 * H));
        layers_.push_back(std::move(layer));
    }

    // output ← the top layer's state after x.
    void step(Vector x, nb::ndarray<float, nb::ndim<1>, nb::c_contig, nb::device::cpu> output) {
        if (static_cast<std::int64_t>(x.shape(0)) != layers_.front().inputs) throw nb::type_error("another number of inputs");
        back_ = !back_;
        const Flush flush;
        const Steps<float>& all = steps<float>();
        const float* in = x.data();
        for (StreamLayer& layer : layers_) {
            std::copy_n(in, layer.inputs, layer.joined.data());
            float* h = layer.state.data();
            if (kind_ == Cell::gru) {
                all.gru_step(layer.weights, layer.recurrent, layer.bias.data(), layer.hidden_bias.data(), layer.joined.data(), h, layer.scratch.data(), back_);
            } else {
                std::copy_n(h, layer.hidden, layer.joined.data() + layer.inputs);
                if (kind_ == Cell::lstm) all.lstm_step(layer.weights, layer.bias.data(), layer.joined.data(), layer.cell.data(), h, layer.scratch.data(), back_);
                else all.rnn_step(layer.weights, layer.bias.data(), layer.joined.data(), h, layer.scratch.data(), kind_ == Cell::relu, back_);
            }
            in = h;
        }
        std::copy_n(in, layers_.back().hidden, output.data());
    }

    void get(std::int64_t k, nb::ndarray<float, nb::ndim<1>, nb::c_contig, nb::device::cpu> hidden, nb::ndarray<float, nb::ndim<1>, nb::c_contig, nb::device::cpu> cell) {
        const StreamLayer& layer = layers_.at(static_cast<std::size_t>(k));
        std::copy(layer.state.begin(), layer.state.end(), hidden.data());
        std::copy(layer.cell.begin(), layer.cell.end(), cell.data());
    }

    void set(std::int64_t k, Vector hidden, Vector cell) {
        StreamLayer& layer = layers_.at(static_cast<std::size_t>(k));
        std::copy_n(hidden.data(), layer.hidden, layer.state.data());
        std::copy_n(cell.data(), layer.hidden, layer.cell.data());
    }

private:
    Cell kind_;
    bool back_ = true;  // as `product` says
    std::vector<StreamLayer> layers_;
};

}  // namespace

void bind_recurrent(nb::module_& m) {
    m.def("lstm_float", &lstm<float>);
    m.def("lstm_double", &lstm<double>);
    m.def("gru_float", &gru<float>);
    m.def("gru_double", &gru<double>);
    m.def("rnn_float", &rnn<float>);
    m.def("rnn_double", &rnn<double>);
    nb::class_<Stream>(m, "Stream")
        .def(nb::init<int>())
        .def("add", &Stream::add)
        .def("step", &Stream::step)
        .def("get", &Stream::get)
        .def("set", &Stream::set);
}

}  // namespace inorder
