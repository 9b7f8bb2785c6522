"""What is true, written to be read: plain NumPy in float64, loops over time written out, no code shared with the fast modules.

Tests compare every fast function with its namesake here; the lecture and the explainer compute with it.

    file                 what                                                     fast twin
    recurrent            RNN, LSTM, GRU: gates, step, whole sequence, sizes       nn/recurrent
    backpropagation      their gradients through time                             nn/recurrent
    recurrent_options    norm, zoneout, peepholes and the like in those cells     nn/cells
    minimal              minGRU, minLSTM: gates, scan, its gradient               nn/minimal, kernels/linear_scan
    crf                  conditional random field: Z, marginals, best paths       nn/crf, kernels/crf
    convolution          1-D convolution, its gradient, receptive field, TCN      nn/convolution
    attention            dot-product, general and additive (Bahdanau) attention   nn/attention
    position             sinusoidal and rotary positions                          nn/position
    transformer          multi-head attention, pre-norm blocks, sizes             nn/multi_head, nn/transformer
    normalization        weight norm, layer norm                                  nn/convolution, nn/transformer
    encoder_decoder      fixed context or attention, over tokens                  models/encoder_decoder
    teacher_forcing      the true or the model's own previous token               train/teacher_forcing
    gradient             how far back a gradient reaches; numerical gradients     autograd
    greedy, beam         decoding over a step function                            decode/greedy, decode/beam
    ctc                  paths, loss, gradient, alignment                         losses/ctc
    ctc_decoding         greedy and prefix beam search                            decode/ctc
    similarity           cosine of the angle between embeddings                   nn/embedding
    windows, lags, rolling, differencing, fourier, calendar, scaling              features/…
    baselines, moving_average, trend, autoregressive, intervals, diagnostics      forecast/…
    smoothing            exponential smoothing and the search for its parameters  kernels/smoothing, forecast/smoothing
    linear_forecaster    DLinear: moving average of a window, weighted sums       models/linear_forecaster
    nhits                N-HiTS: pooling, blocks, straight lines between knots    models/nhits
    es_rnn               smoothing with a dilated LSTM, step by step              models/es_rnn
    quantile             pinball loss, quantiles that cannot cross                losses/quantile
    forecast_metrics     scores                                                   metrics/forecast

Axes have the same names everywhere: batch time source target input hidden vocab symbols. Batch axes come first and may be left out.
"""
