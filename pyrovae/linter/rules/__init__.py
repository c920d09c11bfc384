"""The rules, one class each. A new one is a class in a file here, and a line below."""

from .base import Rule
from .batches import OneSizeOnly, RowParameters
from .bernoulli import GreyBernoulli, Saturated, SigmoidLogits
from .constrained import NonFiniteParameter, Unconstrained
from .crash import Crash, WrongCall, WrongPlateSize
from .dependence import DataIgnoredByGuide, DataNotScored, LatentsIgnored
from .detached import ArgumentCutOff, LatentsCutOff
from .effects import ChangesAttributes, OtherStreams, RunsDiffer, SeedsItself, WritesArguments
from .estimators import NoParticleAxis, NotScoredAgain, OrderOfHierarchy, ScoreFunction
from .flows import LooseTensors, WrongJacobian
from .noise import UnseenNoise, UnseenNoiseInTraining
from .numbers import BadArgument, HugeDensity, MixedTypes, NonFinite
from .parameters import OneNameTwice, Undeclared
from .plates import (
    NoPlate,
    OutsideThePlate,
    PlatesDiffer,
    PlateWithoutSize,
    SequentialPlate,
    SeveralPlates,
    UndeclaredDims,
)
from .rows import BatchNorm, RowsMix
from .scales import MasksDiffer, ScalesDiffer, UnequalScales
from .sites import (
    GuideLacks,
    GuideObserves,
    ModelLacks,
    NothingObserved,
    ObservedBroadcast,
    ShapesDiffer,
    SitesDiffer,
)
from .store import NotContiguous, StoreHasAnother
from .subsamples import IndicesIgnored
from .supports import NarrowGuide, OutOfSupport, SupportsDiffer
from .untrained import Frozen, MadeAnew, NoParameters, NotReached, Unused

RULES: tuple[Rule, ...] = (
    WrongCall(), WrongPlateSize(), Crash(),
    GuideLacks(), ModelLacks(), GuideObserves(), NothingObserved(), ShapesDiffer(),
    ObservedBroadcast(), UndeclaredDims(), SitesDiffer(),
    Undeclared(), OneNameTwice(), NotReached(), ArgumentCutOff(), NoParameters(), Frozen(),
    StoreHasAnother(), NotContiguous(), NonFiniteParameter(), MadeAnew(), Unused(),
    Unconstrained(), LooseTensors(),
    OutsideThePlate(), NoPlate(), SequentialPlate(), PlatesDiffer(), ScalesDiffer(),
    UnequalScales(), MasksDiffer(), IndicesIgnored(), PlateWithoutSize(), SeveralPlates(),
    OneSizeOnly(), RowParameters(),
    BadArgument(), NonFinite(), OutOfSupport(), GreyBernoulli(), SupportsDiffer(), NarrowGuide(),
    Saturated(), SigmoidLogits(), MixedTypes(), WrongJacobian(), HugeDensity(),
    LatentsIgnored(), DataIgnoredByGuide(), DataNotScored(), LatentsCutOff(), RowsMix(),
    BatchNorm(), UnseenNoise(), UnseenNoiseInTraining(),
    RunsDiffer(), OtherStreams(), WritesArguments(), SeedsItself(), ChangesAttributes(),
    NotScoredAgain(), NoParticleAxis(), OrderOfHierarchy(), ScoreFunction(),
)  # fmt: skip

SHAPES = frozenset(rule.code for rule in (ShapesDiffer, ObservedBroadcast, UndeclaredDims))
"""Codes of findings about shapes, from which others follow."""

__all__ = ["RULES", "SHAPES", "Rule"]
