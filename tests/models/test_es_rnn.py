"""The hybrid follows the textbook in value and gradient, with values missing or not."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from window_cases import assert_gradients_are_those_of, shaken, window_of

from inorder.models.es_rnn import ESRNN, PACE, DilatedLSTM, smooth
from inorder.models.window import Sizes
from inorder.textbook import es_rnn as textbook
from inorder.textbook.recurrent import LSTMWeights, sigmoid


def layers_of(stack: DilatedLSTM) -> list[list[tuple[int, LSTMWeights]]]:
    layers = iter(stack.layers)
    groups = []
    for group in stack.dilations:
        groups.append([])
        for dilation in group:
            w = {name: value.detach().numpy() for name, value in next(layers).named_parameters()}
            groups[-1].append((dilation, LSTMWeights(w["weight_ih_l0"], w["weight_hh_l0"], w["bias_ih_l0"] + w["bias_hh_l0"])))
    return groups


def weights_of(network: ESRNN, series: int, phase: int) -> textbook.ESRNNWeights:
    """Of one window.   phase: of its last step."""
    m, time = network.sizes.season, network.sizes.window
    season = PACE * network.season[series].detach().numpy()
    alpha, gamma = (float(sigmoid(PACE * part[series].detach().numpy())) for part in (network.alpha, network.gamma))
    first = (phase + 1 - time) % m
    mix, head = ((line.weight.detach().numpy(), line.bias.detach().numpy()) for line in (network.mix, network.head))
    return textbook.ESRNNWeights(alpha, gamma, np.roll(season, -first), network.seen, layers_of(network.lstm), mix, head)


@pytest.mark.parametrize(("time", "m"), [(1, 1), (9, 1), (12, 4), (10, 4), (3, 7)])
def test_smoothing_follows_the_textbook(time, m):
    rng = np.random.default_rng(0)
    x, season, alpha, gamma = rng.normal(size=(3, time)), rng.normal(size=(3, m)), rng.uniform(size=3), rng.uniform(size=3)
    known = rng.uniform(size=(3, time)) < 0.8
    level, seasons = smooth(*(torch.from_numpy(part) for part in (np.where(known, x, 0.0), known.astype(float), alpha, gamma, season)))
    for i in range(3):
        truth = textbook.smooth(np.where(known[i], x[i], np.nan), alpha[i], gamma[i], season[i])
        np.testing.assert_allclose(level[i], truth[0], atol=1e-12)
        np.testing.assert_allclose(seasons[i], truth[1], atol=1e-12)


@pytest.mark.parametrize("dilation", [1, 2, 3, 9])
def test_a_dilated_layer_takes_its_state_from_so_many_steps_before(dilation):
    stack = shaken(DilatedLSTM(2, 3, ((dilation,),)))
    x = np.random.default_rng(0).normal(size=(7, 2))
    truth = textbook.dilated_lstm(list(x), layers_of(stack)[0][0][1], dilation)
    np.testing.assert_allclose(stack(torch.from_numpy(x)[None])[0].detach(), truth, atol=1e-12)


@pytest.mark.parametrize(("window", "horizon", "season", "missing"), [(13, 6, 4, False), (10, 9, 3, True), (8, 2, 1, True)])
def test_the_hybrid_follows_the_textbook_in_value_and_gradient(window, horizon, season, missing):
    sizes = Sizes(window, horizon, series=2, season=season)
    network = shaken(ESRNN(sizes, hidden=3, dilations=((1, 2), (3,))))
    seen = window_of(sizes, missing=missing)
    wanted = np.random.default_rng(2).normal(size=(3, window, horizon))
    values = np.where(seen.known.numpy() > 0, seen.values.numpy(), np.nan)

    def truth() -> np.ndarray:
        places = zip(values, seen.series.tolist(), seen.phase.tolist(), strict=True)
        return np.stack([textbook.es_rnn(x, weights_of(network, series, phase), horizon) for x, series, phase in places])

    np.testing.assert_allclose(network.along(seen)[..., 0].detach(), truth(), atol=1e-12)
    np.testing.assert_allclose(network(seen)[..., 0].detach(), truth()[:, -1], atol=1e-12)
    assert_gradients_are_those_of(network, lambda: (network.along(seen)[..., 0] * torch.from_numpy(wanted)).sum(), lambda: float((truth() * wanted).sum()))


def test_the_effect_of_future_covariates_is_taken_off_and_put_back():
    with_covariates, without = Sizes(9, 4, covariates=3, ahead=2, season=3), Sizes(9, 4, season=3)
    network = shaken(ESRNN(with_covariates, hidden=3, dilations=((1, 2),)))
    seen = window_of(with_covariates)
    with torch.no_grad():
        network.lstm.layers[0].weight_ih_l0[:, 2 * network.seen :] = 0  # the network itself does not look at them here
    bare = ESRNN(without, hidden=3, dilations=((1, 2),)).double()
    own = dict(network.state_dict())
    own["lstm.layers.0.weight_ih_l0"], own["effect"] = own["lstm.layers.0.weight_ih_l0"][:, : 2 * bare.seen], torch.zeros(0)
    bare.load_state_dict(own)
    effect = torch.cat([seen.covariates[:, :, 1:], seen.ahead], dim=1) @ network.effect
    alone = bare(seen._replace(values=seen.values - effect[:, :9], covariates=seen.covariates[:, :, :0], ahead=seen.ahead[:, :, :0]))
    np.testing.assert_allclose(network(seen).detach(), (alone + effect[:, 9:, None]).detach(), atol=1e-12)
    np.testing.assert_allclose(network.along(seen)[:, -1].detach(), network(seen).detach(), atol=1e-12)
