"""What `import inorder.nn` offers, for type checkers; `__init__.py` loads it on first use."""

from inorder.nn.attention import AdditiveAttention as AdditiveAttention
from inorder.nn.attention import MultiplicativeAttention as MultiplicativeAttention
from inorder.nn.convolution import TCN as TCN
from inorder.nn.convolution import Conv1d as Conv1d
from inorder.nn.crf import CRF as CRF
from inorder.nn.embedding import Embedding as Embedding
from inorder.nn.minimal import MinGRU as MinGRU
from inorder.nn.minimal import MinLSTM as MinLSTM
from inorder.nn.multi_head import MultiHeadAttention as MultiHeadAttention
from inorder.nn.position import LearntPosition as LearntPosition
from inorder.nn.position import RotaryPosition as RotaryPosition
from inorder.nn.position import SinusoidalPosition as SinusoidalPosition
from inorder.nn.recurrent import GRU as GRU
from inorder.nn.recurrent import LSTM as LSTM
from inorder.nn.recurrent import RNN as RNN
from inorder.nn.sequential import Sequential as Sequential
from inorder.nn.traces import trace as trace
from inorder.nn.transformer import TransformerDecoder as TransformerDecoder
from inorder.nn.transformer import TransformerEncoder as TransformerEncoder
