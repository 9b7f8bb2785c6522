"""Tokens to vectors: what each token is, and what stands around it.

    e[t] = [vector of the word, max over its letters of conv(letter vectors)]             embed
    h[t] = encoder(dropout(e))[t]                                                         encode

    bag               h[t] = e[t]: nothing of its surroundings
    cnn               convolutions of several widths side by side, one layer on the other
    lstm, gru         from the beginning to the end; bilstm, bigru also from the end to the beginning
    transformer       attention to all tokens, with sinusoidal positions

Padding changes nothing. In training a share of the words is replaced by the unknown one, so that its vector is learnt and the letters have to do.

Sources: letters by convolution: Santos & Zadrozny 2014; with an LSTM over words: Ma & Hovy 2016; several widths: Kim 2014; word dropout: Iyyer et al. 2015.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from inorder.data.batch import valid_mask
from inorder.data.numbering import Spelled, Tokens
from inorder.data.vocabulary import Vocabulary
from inorder.errors import ConfigError, ShapeError, unknown
from inorder.nn.checking import check_share, check_whole, zero_padding
from inorder.nn.convolution import Conv1d
from inorder.nn.embedding import Embedding
from inorder.nn.position import SinusoidalPosition
from inorder.nn.recurrent import GRU, LSTM
from inorder.nn.transformer import TransformerEncoder

WIDTHS = (3, 4, 5)  # taps of the convolutions over tokens
LETTER, LETTER_TAPS = 25, 3  # numbers in the vector of a letter; letters that a filter sees
HEAD = 32  # features of an attention head, about


class TokenEncoder(nn.Module):
    """Vectors of tokens in their surroundings.

    words: of the vocabulary, special numbers included.   letters: likewise; 0 = none are looked at.   encoder: see the module.
    embedding: numbers in the vector of a word; 0 = letters alone.   spelling: in that of its letters.   hidden: units per layer and direction, channels of all
    widths together, features of a Transformer.   layers: of the encoder.   dropout: share set to zero of what goes into the encoder, between its layers,
    and of what comes out.   word_dropout: share of words that are unknown in training.

    >>> encoder = TokenEncoder(50, letters=20, encoder="bilstm", embedding=8, spelling=4, hidden=6)
    >>> spelled = Spelled(torch.tensor([[4, 5, 6], [7, 8, 0]]), torch.tensor([3, 2]), torch.tensor([[0, 1], [0, 0]]))
    >>> h = encoder(Tokens(torch.tensor([[4, 5], [6, 0]]), torch.tensor([2, 1]), spelled))
    >>> tuple(h.shape), bool(h[1, 1].any())
    ((2, 2, 12), False)
    """

    def __init__(
        self,
        words: int,
        *,
        letters: int = 0,
        encoder: str = "bilstm",
        embedding: int = 100,
        spelling: int = 50,
        hidden: int = 128,
        layers: int = 1,
        dropout: float = 0.0,
        word_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        check_whole("a token encoder", words=words, hidden=hidden, layers=layers)
        check_share(dropout=dropout, word_dropout=word_dropout)
        if encoder not in ENCODERS:
            raise unknown("encoder", encoder, ENCODERS)
        if not embedding and not letters:
            raise ConfigError("A token encoder looks at words, letters or both: give `embedding` or `letters`.")
        self.word_dropout = word_dropout
        self.words = Embedding(words, embedding, padding=Vocabulary.PADDING) if embedding else None
        self.spelling = Spelling(letters, spelling) if letters else None
        self.features = embedding + (spelling if letters else 0)
        self.dropout = nn.Dropout(dropout)
        self.encoder, self.width = ENCODERS[encoder](self.features, hidden, layers, dropout)

    def embed(self, tokens: Tokens) -> Tensor:
        """(batch, time, features) what each token is by itself; zero beyond the lengths."""
        parts: list[Tensor] = []
        if self.words is not None:
            parts.append(self.words(self._some_unknown(tokens.numbers)))
        if self.spelling is not None:
            if tokens.spelled is None:
                raise ShapeError("This encoder looks at letters, but the batch has none (`spelled`). Number it with letters=True.")
            valid = valid_mask(tokens.lengths, tokens.numbers.shape[1])[:, :, None]
            parts.append(zero_padding(self.spelling(tokens.spelled), valid))
        return torch.cat(parts, dim=2)

    def encode(self, embedded: Tensor, lengths: Tensor) -> Tensor:
        """(batch, time, width) each token in its surroundings; zero beyond the lengths.   embedded: as from `embed`."""
        encoded: Tensor = self.dropout(self.encoder(self.dropout(embedded), lengths))
        return encoded

    def forward(self, tokens: Tokens) -> Tensor:
        """(batch, time, width)."""
        return self.encode(self.embed(tokens), tokens.lengths)

    def _some_unknown(self, numbers: Tensor) -> Tensor:
        if not (self.training and self.word_dropout):
            return numbers
        chosen = (torch.rand(numbers.shape, device=numbers.device) < self.word_dropout) & (numbers != Vocabulary.PADDING)
        return numbers.masked_fill(chosen, Vocabulary.UNKNOWN)


class Spelling(nn.Module):
    """What the letters of a token say: the maximum over places of a convolution of their vectors.

    letters: of the vocabulary.   features: filters.   Every distinct token is computed once.
    """

    def __init__(self, letters: int, features: int) -> None:
        super().__init__()
        check_whole("a spelling", letters=letters, features=features)
        self.vectors = Embedding(letters, LETTER, padding=Vocabulary.PADDING)
        self.convolution = Conv1d(LETTER, features, LETTER_TAPS, padding="same")

    def forward(self, spelled: Spelled) -> Tensor:
        """(batch, time, features)."""
        if spelled.letters.numel() == 0:  # a batch without a token, or of tokens without a letter
            return self.convolution.weight.new_zeros(*spelled.which.shape, self.convolution.outputs)
        h, _ = self.convolution(self.vectors(spelled.letters), spelled.lengths)
        real = valid_mask(spelled.lengths, h.shape[1])[:, :, None]
        greatest = torch.where(spelled.lengths[:, None] > 0, h.masked_fill(~real, -torch.inf).amax(dim=1), 0.0)
        return functional.embedding(spelled.which, greatest)


class Alone(nn.Module):
    """Each token by itself."""

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        return x


class Convolutions(nn.Module):
    """h = relu([conv₃(x), conv₄(x), conv₅(x)]) in the first layer;  h ← h + dropout(relu([conv₃(h), conv₄(h), conv₅(h)])) in the others."""

    def __init__(self, inputs: int, hidden: int, layers: int, dropout: float) -> None:
        super().__init__()
        if hidden < len(WIDTHS):
            raise ConfigError(f"`hidden` of a cnn is {len(WIDTHS)} or more, a channel for each of the widths {WIDTHS}, not {hidden}.")
        shares = [hidden // len(WIDTHS) + (k < hidden % len(WIDTHS)) for k in range(len(WIDTHS))]
        self.layers = nn.ModuleList(SideBySide(hidden if k else inputs, shares) for k in range(layers))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        for k, layer in enumerate(self.layers):
            h = functional.relu(layer(x, lengths))
            x = x + self.dropout(h) if k else h
        return x


class SideBySide(nn.Module):
    """[conv₃(x), conv₄(x), conv₅(x)].   outputs: channels of each."""

    def __init__(self, inputs: int, outputs: Sequence[int]) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(Conv1d(inputs, own, width, padding="same") for own, width in zip(outputs, WIDTHS, strict=True))

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        return torch.cat([convolution(x, lengths)[0] for convolution in self.convolutions], dim=2)


class Recurrent(nn.Module):
    """A stack of LSTM or GRU layers, in one direction or both."""

    def __init__(self, layer: type[LSTM] | type[GRU], inputs: int, hidden: int, layers: int, dropout: float, bidirectional: bool) -> None:
        super().__init__()
        self.stack = layer(inputs, hidden, layers, dropout=dropout if layers > 1 else 0.0, bidirectional=bidirectional)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        output: Tensor = self.stack(x, lengths)[0]
        return output


class Attending(nn.Module):
    """A Transformer encoder behind a matrix that gives it its features."""

    def __init__(self, inputs: int, hidden: int, layers: int, dropout: float) -> None:
        super().__init__()
        heads = max((k for k in range(1, max(1, hidden // HEAD) + 1) if hidden % k == 0), default=1)
        if hidden % 2:
            raise ConfigError(f"`hidden` of a transformer is even, for its positions, not {hidden}.")
        self.inputs = nn.Linear(inputs, hidden)
        self.blocks = TransformerEncoder(hidden, heads, layers, dropout=dropout, position=SinusoidalPosition(hidden))

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        valid = valid_mask(lengths, x.shape[1])[:, :, None]
        return zero_padding(self.blocks(self.inputs(x), lengths)[0], valid)


def _recurrent(layer: type[LSTM] | type[GRU], both: bool) -> Callable[[int, int, int, float], tuple[nn.Module, int]]:
    return lambda inputs, hidden, layers, dropout: (Recurrent(layer, inputs, hidden, layers, dropout, both), hidden * (1 + both))


# name -> what makes it of (inputs, hidden, layers, dropout), with the width of its output
ENCODERS: dict[str, Callable[[int, int, int, float], tuple[nn.Module, int]]] = {
    "bag": lambda inputs, hidden, layers, dropout: (Alone(), inputs),
    "cnn": lambda inputs, hidden, layers, dropout: (Convolutions(inputs, hidden, layers, dropout), hidden),
    "lstm": _recurrent(LSTM, False),
    "gru": _recurrent(GRU, False),
    "bilstm": _recurrent(LSTM, True),
    "bigru": _recurrent(GRU, True),
    "transformer": lambda inputs, hidden, layers, dropout: (Attending(inputs, hidden, layers, dropout), hidden),
}
