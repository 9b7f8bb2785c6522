"""From a series to columns: windows, lags, rolling statistics, differences, Fourier terms, the calendar, scales.

Every function takes one series as an array (time,), or a `Series` with one or many, and gives its result row by row:
row t of the result belongs to row t of the input, NaN where there is not enough past. No series sees another one's
values, and no row sees a later row's, except in the few functions whose docstring says so.
"""
