// The dense steps of the Chandrasekhar recursion, the part of an exact likelihood that takes the time (arma.hpp has the equations).
//
// Every step moves the state by one place. A plain loop reads it one place off from where it has just been written, which the processor
// cannot serve from its store buffer: it waits a dozen cycles in every step. Here each place is read as it was written and moved within
// registers. The numbers are those of the plain loop to the last bit, whichever instructions there are.

#pragma once

#include <cstdint>
#include <vector>

namespace inorder {

constexpr int LANES = 8;  // widths are multiples of it

struct Recursion {  // one stretch of the dense recursion; the arrays of a width are aligned, and followed by LANES zeros
    int r, width, columns;
    const double* phi;      // (width,)
    double* gain;           // K, (width,)
    double* change;         // L
    double* state;          // (columns, width + LANES)
    const double* values;   // (columns, n)
    double* errors;         // (columns, n)
    double* variance;       // (n,) F
    double* inverse;        // (n,) 1 / F
    double* marks;          // K and L at the beginning of every segment
    std::int64_t n, segment;
    int wait;               // steps that F has to stay at 1
};

// Runs until F has settled; returns the first step of the steady recursion, n where there is none.
std::int64_t run_dense(const Recursion& all, double F);

// K and L alone over one segment, kept for every step: K, L and LANES zeros make a row of the tape.
void retrace(int width, const double* phi, const double* inverse, const double* mark, std::int64_t steps, double* tape);

struct Backward {  // one segment of the dense recursion, swept from its end: adjoints of what follows in, of what goes before out
    int width, series;
    std::int64_t from, to, n;
    const double* phi;
    const double* tape;     // of `retrace`
    const double* inverse;  // (n,)
    const double* swept;    // (series, 2, n) data and errors
    const double* bars;     // (series, n) of the errors, by what comes after
    const double* weight;   // (series,) of v^2 / F in the value
    double terms;           // of log F in the value: 1 / (2 terms)
    double* gain;           // (width,) of K
    double* change;         // (width,) of L
    double* state;          // (series, width)
    double* ar;             // (width,) of phi, added
    double variance;        // of F
};

void run_backward(Backward& all);

}  // namespace inorder
