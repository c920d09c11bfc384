"""Networks over sequences of codes: encoders that skip padding, and causal decoders."""

from .attentive_decoder import AttentiveDecoder
from .attentive_encoder import AttentiveEncoder
from .base import CodeEncoder, SequenceDecoder
from .recurrent_decoder import GRUDecoder, LSTMDecoder
from .recurrent_encoder import GRUEncoder, LSTMEncoder
from .transformer_decoder import TransformerDecoder
from .transformer_encoder import TransformerEncoder

__all__ = [
    "AttentiveDecoder",
    "AttentiveEncoder",
    "CodeEncoder",
    "GRUDecoder",
    "GRUEncoder",
    "LSTMDecoder",
    "LSTMEncoder",
    "SequenceDecoder",
    "TransformerDecoder",
    "TransformerEncoder",
]
