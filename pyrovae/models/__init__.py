"""Families of models: each one a module whose `model` and `guide` are a Pyro pair."""

from . import code_priors, posteriors, priors, step_posteriors
from . import decoding as decoding
from .autoencoder import Autoencoder
from .base import Family
from .code_priors import *  # noqa: F403
from .conditional_vae import ConditionalVAE
from .count_vae import CountVAE
from .deep_markov import DeepMarkovModel
from .given_sizes import GivenSizes
from .gumbel_softmax_vae import GumbelSoftmaxVAE
from .hierarchical import HierarchicalVAE
from .ladder import LadderVAE
from .latent_size_count_vae import LatentSizeCountVAE
from .linear import FactorAnalysis, ProbabilisticPCA, e_step, m_step
from .mixture_vae import MixtureVAE
from .partial_vae import PartialVAE
from .posteriors import *  # noqa: F403
from .priors import *  # noqa: F403
from .semi_supervised_vae import SemiSupervisedVAE
from .sequence_to_sequence import SequenceToSequence
from .spectrogram_vae import SpectrogramVAE
from .speech_vae import SpeechVAE
from .step_posteriors import *  # noqa: F403
from .table_vae import TableVAE
from .text_vae import TextVAE
from .top_down import TopDownVAE
from .topic_model import TopicModel
from .vae import VAE
from .variational_rnn import VariationalRNN
from .vq_vae import VQVAE

__all__ = [
    "VAE",
    "VQVAE",
    "Autoencoder",
    "ConditionalVAE",
    "CountVAE",
    "DeepMarkovModel",
    "FactorAnalysis",
    "Family",
    "GivenSizes",
    "GumbelSoftmaxVAE",
    "HierarchicalVAE",
    "LadderVAE",
    "LatentSizeCountVAE",
    "MixtureVAE",
    "PartialVAE",
    "ProbabilisticPCA",
    "SemiSupervisedVAE",
    "SequenceToSequence",
    "SpectrogramVAE",
    "SpeechVAE",
    "TableVAE",
    "TextVAE",
    "TopDownVAE",
    "TopicModel",
    "VariationalRNN",
    "e_step",
    "m_step",
]
__all__ += code_priors.__all__ + posteriors.__all__ + priors.__all__ + step_posteriors.__all__
