"""Networks that accept any leading axes, and likelihood heads."""

from . import flows as flows
from . import likelihoods as likelihoods
from . import quantizers as quantizers
from . import sequences as sequences
from . import steps as steps
from .base import Network, OneBatchAxis, Shape, build, one_batch_axis
from .class_dispersion import ClassDispersion
from .conv import ConvDecoder, ConvEncoder
from .corruption import (
    Corrupted,
    Corruption,
    GaussianNoise,
    Masking,
    NoiseModel,
    PoissonNoise,
    ReplacingNoise,
    SaltAndPepper,
    SpreadingNoise,
)
from .described import Described
from .grid import GridDecoder, GridEncoder
from .jacobian import squared_jacobian
from .join import AsBands, AsChannels, AsVector, DataAlone, Join, JoinFactory
from .likelihoods import *  # noqa: F403
from .mixed_columns import MixedColumns
from .mlp import MLP
from .sequences import *  # noqa: F403
from .steps import *  # noqa: F403
from .time_conv import TimeConvDecoder, TimeConvEncoder
from .topic_decoders import (
    MixtureOfTopics,
    NormalizedProductOfTopics,
    ProductOfTopics,
    TopicDecoder,
)
from .two_heads import TwoHeads

__all__ = [
    "MLP",
    "AsBands",
    "AsChannels",
    "AsVector",
    "ConvDecoder",
    "ConvEncoder",
    "Corrupted",
    "Corruption",
    "Described",
    "ClassDispersion",
    "DataAlone",
    "GaussianNoise",
    "GridDecoder",
    "GridEncoder",
    "Join",
    "JoinFactory",
    "Masking",
    "MixedColumns",
    "MixtureOfTopics",
    "Network",
    "NoiseModel",
    "NormalizedProductOfTopics",
    "OneBatchAxis",
    "PoissonNoise",
    "ProductOfTopics",
    "ReplacingNoise",
    "SaltAndPepper",
    "Shape",
    "SpreadingNoise",
    "TimeConvDecoder",
    "TimeConvEncoder",
    "TopicDecoder",
    "TwoHeads",
    "build",
    "one_batch_axis",
    "squared_jacobian",
]
__all__ += likelihoods.__all__
__all__ += sequences.__all__
__all__ += steps.__all__
