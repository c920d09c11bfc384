"""Measurements of a trained pair: evidence, bounds and their gradients, the use of latents."""

from .annealing import Annealed, AnnealingOptions, Bracket, ais, bdmc
from .comparison.compare import compare
from .comparison.compare_training import compare_training
from .comparison.comparison import Comparison
from .comparison.train_by_beta import train_by_beta
from .comparison.training_comparison import TrainingComparison
from .diagnosis import Diagnosis, Remedy, Verdict, diagnose
from .disentanglement import (
    Disentanglement,
    beta_vae_metric,
    dci,
    disentanglement,
    factor_vae_metric,
    mig,
    sap,
)
from .entropies import Entropies, EntropyCurve, TrackEntropies, entropies
from .evidence import Evidence
from .gaps import InferenceGaps, inference_gaps
from .gradients.gradients import gradients
from .gradients.statistics import GradientStatistics
from .latents.active_units import ActiveUnits, active_units
from .latents.clusters import cluster_accuracy
from .latents.elbo_parts import ELBOParts, elbo_parts
from .latents.elbo_surgery import ELBOSurgery, elbo_surgery
from .latents.khat_map import KHatMap, khat_map
from .latents.kl_decomposition import KLDecomposition, kl_decomposition
from .latents.posterior_means import posterior_means
from .latents.probe import probe
from .latents.traversal import Traversal, traverse
from .log_evidence import log_evidence
from .options import SweepOptions
from .perplexity import Perplexity, perplexity
from .quality import (
    SampleQuality,
    frechet_distance,
    kernel_distance,
    overlap,
    sample_quality,
)
from .topics import Topics, WordPerplexity, topics, word_perplexity
from .validity import why_no_evidence

__all__ = [
    "ActiveUnits",
    "Annealed",
    "AnnealingOptions",
    "Bracket",
    "Comparison",
    "Diagnosis",
    "Disentanglement",
    "ELBOParts",
    "ELBOSurgery",
    "Entropies",
    "EntropyCurve",
    "Evidence",
    "GradientStatistics",
    "InferenceGaps",
    "KHatMap",
    "KLDecomposition",
    "Perplexity",
    "Remedy",
    "SampleQuality",
    "SweepOptions",
    "Topics",
    "TrackEntropies",
    "TrainingComparison",
    "Traversal",
    "Verdict",
    "WordPerplexity",
    "active_units",
    "ais",
    "bdmc",
    "beta_vae_metric",
    "cluster_accuracy",
    "compare",
    "compare_training",
    "dci",
    "diagnose",
    "disentanglement",
    "elbo_parts",
    "elbo_surgery",
    "entropies",
    "factor_vae_metric",
    "frechet_distance",
    "gradients",
    "inference_gaps",
    "kernel_distance",
    "khat_map",
    "kl_decomposition",
    "log_evidence",
    "mig",
    "overlap",
    "perplexity",
    "posterior_means",
    "probe",
    "sample_quality",
    "sap",
    "topics",
    "train_by_beta",
    "traverse",
    "why_no_evidence",
    "word_perplexity",
]
