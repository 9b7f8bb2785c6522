"""The task `classify`: what can be fitted to labelled sequences, and how a saved model comes back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

from inorder.errors import BundleError, ConfigError, unknown

if TYPE_CHECKING:
    from inorder.bundle import Bundle
    from inorder.models.sequence_model import FittedSequenceModel, SequenceModel


@dataclass(frozen=True)
class Candidate:
    """A model of whole sequences, and what people want to know of it.

    home: "module:class" below `inorder`, loaded when it is made.   of_numbers: the equation where numbers are predicted, if it is another.
    """

    sentence: str
    equation: str
    source: str
    home: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    of_numbers: str = ""

    def make(self, **settings: Any) -> SequenceModel:
        """The model with these settings on top of the candidate's own."""
        made: SequenceModel = _loaded(self.home)()
        return made.with_settings({**self.settings, **settings})


NEAREST, KERNELS, NETWORK = "models.nearest:NearestNeighbour", "models.random_kernel_ridge:RandomKernelRidge", "tasks.neural_classifier:NeuralClassifier"

MAJORITY = "models.majority:Majority"
HOMES = {"nearest-neighbour": NEAREST, "random-kernels": KERNELS, "network": NETWORK, "majority": MAJORITY}  # the name of each class in a bundle

# In the order in which `compare` runs them.
CANDIDATES: dict[str, Candidate] = {
    "minirocket": Candidate(
        "Ten thousand shares of outputs of 84 fixed filters at many dilations, and a ridge regression.",
        "p = softmax(τ · (b + W·[share of t with (w ∗ x)[t] > bias]))",
        "Dempster, Schmidt & Webb 2021",
        KERNELS,
        {"kind": "minirocket"},
        "y = b + w·[share of t with (w ∗ x)[t] > bias]",
    ),
    "rocket": Candidate(
        "Shares and greatest outputs of 5,000 filters drawn at random, and a ridge regression.",
        "p = softmax(τ · (b + W·[share of t with (w ∗ x)[t] > bias, max (w ∗ x)[t] − bias]))",
        "Dempster, Petitjean & Webb 2020",
        KERNELS,
        {"kind": "rocket"},
        "y = b + w·[share of t with (w ∗ x)[t] > bias, max (w ∗ x)[t] − bias]",
    ),
    "nearest": Candidate("What the nearest training sequence is.", "d² = Σ ‖a[t] − b[t]‖²", "Bagnall et al. 2017, §3.1", NEAREST),
    "dtw": Candidate(
        "What the nearest training sequence is when time may stretch.",
        "D[i, j] = ‖a[i] − b[j]‖² + min(D[i−1, j], D[i, j−1], D[i−1, j−1])",
        "Sakoe & Chiba 1978",
        NEAREST,
        {"distance": "dtw"},
    ),
    "cnn": Candidate(
        "A network of residual convolutions, pooled over time.",
        "scores = W · [mean h, max h] + b,  h = relu(x + norm(conv(relu(norm(conv(…))))))",
        "Wang, Yan & Oates 2017",
        NETWORK,
    ),
    "tcn": Candidate(
        "A network of causal convolutions whose dilation doubles, pooled over time.",
        "scores = W · [mean h, max h] + b,  h = TCN(x)",
        "Bai, Kolter & Koltun 2018",
        NETWORK,
        {"encoder": "tcn", "hidden": 16},
    ),
    "bilstm": Candidate(
        "An LSTM forwards and one backwards, pooled over time.",
        "scores = W · [mean h, max h] + b,  h = [LSTM(x), LSTM(reversed x)]",
        "Graves & Schmidhuber 2005",
        NETWORK,
        {"encoder": "bilstm"},
    ),
    "cnn-lstm": Candidate(
        "Convolutions, a quarter of the steps, and an LSTM over them.",
        "scores = W · [mean h, max h] + b,  h = LSTM(max of every 4 of conv(x))",
        "Ordóñez & Roggen 2016",
        NETWORK,
        {"encoder": "cnn-lstm"},
    ),
    "majority": Candidate(
        "The most frequent class, whatever comes; the mean of numbers.",
        "p[k] = examples of class k / examples",
        "Holte 1993 (the baseline)",
        MAJORITY,
        of_numbers="y = mean of the training sequences' numbers",
    ),
}


def _loaded(home: str) -> Any:
    """The class "module:class"."""
    module, name = home.split(":")
    return getattr(import_module(f"inorder.{module}"), name)


def candidate(name: str) -> Candidate:
    """The candidate of that name; ConfigError with the nearest name otherwise."""
    if name not in CANDIDATES:
        raise unknown("model", name, CANDIDATES)
    return CANDIDATES[name]


def seeded(name: str, seed: int, settings: Mapping[str, Any] | None = None) -> SequenceModel:
    """The candidate of that name, with the seed where it takes one."""
    made = candidate(name).make(**(settings or {}))
    return made.with_settings({"seed": seed}) if "seed" in made.settings and "seed" not in (settings or {}) else made


def restore(bundle: Bundle) -> FittedSequenceModel:
    """The fitted model that a bundle holds.   Raises BundleError, naming the folder, where it does not fit together."""
    from inorder.models.sequence_model import About

    header = bundle.model
    where = f"The bundle {bundle.path}" if bundle.path else "The bundle"
    if header["model"] not in HOMES:
        raise BundleError(f'{where} holds the model "{header["model"]}", which this version of inorder does not know.')
    settings, about = header.get("settings"), header.get("about")
    if not isinstance(settings, dict) or not isinstance(about, dict):
        raise BundleError(f'{where} is damaged: model.json needs the objects "settings" and "about".')
    try:
        made: SequenceModel = _loaded(HOMES[header["model"]])(**settings)
        seen = tuple(map(int, bundle.weights.get("seen", ())))
        return replace(made.restore(replace(About.from_json(about), seen=seen), bundle.weights), notes=tuple(map(str, header["notes"])))
    except (BundleError, ConfigError, TypeError, ValueError, KeyError, IndexError, RuntimeError) as error:
        raise BundleError(f"{where} is damaged: {error}") from None
