// Recurrent layers over whole sequences: every step of a shard of the batch in one call, forward and backward.
//
// A row is one step of one sequence; sequence b has the rows starts[b] … starts[b] + lengths[b] - 1. Inputs come multiplied by their
// weights ("pre"); what is left is the recurrent product and the gates. Equations: inorder/nn/cells.py, truth: inorder/textbook/recurrent.py.

#pragma once

#include <cstdint>
#include <new>
#include <vector>

namespace inorder {

constexpr int MOST_GATES = 4;

// Memory that begins with a line of the cache, so that no register is loaded from two of them.
template <typename T>
struct OnLine {
    using value_type = T;
    static constexpr std::align_val_t LINE{64};
    OnLine() = default;
    template <typename Other>
    OnLine(const OnLine<Other>&) {}
    T* allocate(std::size_t n) { return static_cast<T*>(::operator new(n * sizeof(T), LINE)); }
    void deallocate(T* p, std::size_t) { ::operator delete(p, LINE); }
    template <typename Other>
    bool operator==(const OnLine<Other>&) const { return true; }
    template <typename Other>
    bool operator!=(const OnLine<Other>&) const { return false; }
};

template <typename Real>
using Line = std::vector<Real, OnLine<Real>>;

template <typename Real>
struct Packed {  // a matrix (rows, columns) in panels of columns, each (rows, panel width), zeros where the last one is not full
    std::int64_t rows = 0, columns = 0, padded = 0;
    Line<Real> values;
};

struct Shard {  // some sequences of the batch, longest first
    std::vector<std::int64_t> members;
    std::int64_t longest = 0;
};

// What all cells share. Arrays that are not there are null. `hidden`: units; `output`: what leaves the cell, fewer with a projection.
template <typename Real>
struct Layer {
    std::int64_t batch, hidden, output;
    const std::int64_t *starts, *lengths;
    bool reverse;
    const Real *pre, *h0;               // (rows, gates · hidden), (batch, output)
    const Real *scale, *shift;          // layer norm: (gates · hidden,)
    const Real* drop;                   // (batch, output) factors of the state on its way into the product
    const Real* hold;                   // zoneout: (rows, output) share of the old state that stays
    Real hold_always;                   // where `hold` is null
    Real *out, *last;                   // (rows, output), (batch, output)
    Real *before, *gates;               // kept for the gradient: the state that entered the product (rows, output); (rows, kept · hidden)
    Real *normed, *spread;              // layer norm: (rows, gates · hidden), (rows, gates) 1 / deviation
    // backward
    const Real *d_out, *d_last;         // null: zeros
    Real *d_pre, *d_h0;                 // (rows, gates · hidden), (batch, output)
    Real *d_scale, *d_shift;            // (batch, gates · hidden), added up over the steps
};

template <typename Real>
struct LSTMLayer : Layer<Real> {
    bool coupled;                       // i = 1 - f; gates f, g, o
    const Real* peepholes;              // (3, hidden) of i, f, o; (2, hidden) of f, o where coupled
    const Real *cell_scale, *cell_shift;
    const Real* c0;
    const Real* hold_cell;              // (rows, hidden)
    Real hold_cell_always;
    Real *cell, *shown, *cell_last;     // (rows, hidden): c, tanh of it; (batch, hidden)
    Real *cell_normed, *cell_spread;    // (rows, hidden), (rows,)
    const Real* d_cell_last;
    Real *d_c0, *d_peepholes, *d_cell_scale, *d_cell_shift;  // (batch, …)
    Real* d_projected;                  // (rows, output) of what the projection gave
    Packed<Real> recurrent, back;       // forward: (output, gates · hidden); backward: (gates · hidden, output)
    Packed<Real> project, unproject;    // (hidden, output), (output, hidden); empty without projection
};

template <typename Real>
struct GRULayer : Layer<Real> {         // kept: r, z, n and, reset after the product, what r was multiplied with
    bool reset_after;
    const Real* bias;                   // (hidden,) of the candidate's product, reset after
    Real* d_product;                    // (rows, hidden) of the candidate's product, reset after
    Packed<Real> recurrent, back;       // reset before: r and z alone
    Packed<Real> candidate, candidate_back;  // reset before
};

template <typename Real>
struct RNNLayer : Layer<Real> {
    bool relu;
    Packed<Real> recurrent, back;
};

// One function for each set of instructions; `recurrent_steps.cpp` picks one.
template <typename Real>
struct Steps {
    std::int64_t panel;  // columns of a panel
    void (*lstm_forward)(const LSTMLayer<Real>&, const Shard&);
    void (*lstm_backward)(const LSTMLayer<Real>&, const Shard&);
    void (*gru_forward)(const GRULayer<Real>&, const Shard&);
    void (*gru_backward)(const GRULayer<Real>&, const Shard&);
    void (*rnn_forward)(const RNNLayer<Real>&, const Shard&);
    void (*rnn_backward)(const RNNLayer<Real>&, const Shard&);
    void (*lstm_step)(const Packed<Real>& weights, const Real* bias, const Real* joined, Real* cell, Real* hidden, Real* scratch, bool back);
    void (*gru_step)(const Packed<Real>& inputs, const Packed<Real>& recurrent, const Real* bias, const Real* hidden_bias, const Real* x, Real* hidden,
                     Real* scratch, bool back);
    void (*rnn_step)(const Packed<Real>& weights, const Real* bias, const Real* joined, Real* hidden, Real* scratch, bool relu, bool back);
};

template <typename Real>
const Steps<Real>& steps();

// values[i, j] = source[i · down + j · right] of a matrix (rows, columns).
template <typename Real>
Packed<Real> pack(const Real* source, std::int64_t rows, std::int64_t columns, std::int64_t down, std::int64_t right);

}  // namespace inorder
