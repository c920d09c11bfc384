"""The rules, one class each. A new one is a class in a file here, and a line below."""

from .base import Rule
from .crash import Crash, WrongCall, WrongPlateSize
from .dependence import (
    BatchNorm,
    DataIgnoredByGuide,
    DataNotScored,
    LatentsIgnored,
    RowsMix,
    UnseenNoise,
    UnseenNoiseInTraining,
)
from .effects import ChangesAttributes, OtherStreams, RunsDiffer, SeedsItself, WritesArguments
from .estimators import NoParticleAxis, NotScoredAgain, OrderOfHierarchy, ScoreFunction
from .flows import LooseTensors, WrongJacobian
from .parameters import (
    Frozen,
    MadeAnew,
    NonFiniteParameter,
    NoParameters,
    NotContiguous,
    NotReached,
    OneNameTwice,
    StoreHasAnother,
    Unconstrained,
    Undeclared,
    Unused,
)
from .plates import (
    NoPlate,
    OneSizeOnly,
    OutsideThePlate,
    PlatesDiffer,
    PlateWithoutSize,
    RowParameters,
    ScalesDiffer,
    SequentialPlate,
    SeveralPlates,
    UndeclaredDims,
    UnequalScales,
)
from .sites import (
    GuideLacks,
    GuideObserves,
    ModelLacks,
    NothingObserved,
    ObservedBroadcast,
    ShapesDiffer,
    SitesDiffer,
)
from .values import (
    BadArgument,
    GreyBernoulli,
    HugeDensity,
    MixedTypes,
    NarrowGuide,
    NonFinite,
    OutOfSupport,
    Saturated,
    SigmoidLogits,
    SupportsDiffer,
)

RULES: tuple[Rule, ...] = (
    WrongCall(), WrongPlateSize(), Crash(),
    GuideLacks(), ModelLacks(), GuideObserves(), NothingObserved(), ShapesDiffer(),
    ObservedBroadcast(), UndeclaredDims(), SitesDiffer(),
    Undeclared(), OneNameTwice(), NotReached(), NoParameters(), Frozen(), StoreHasAnother(),
    NotContiguous(), NonFiniteParameter(), MadeAnew(), Unused(), Unconstrained(), LooseTensors(),
    OutsideThePlate(), NoPlate(), SequentialPlate(), PlatesDiffer(), ScalesDiffer(),
    UnequalScales(), PlateWithoutSize(), SeveralPlates(), OneSizeOnly(), RowParameters(),
    BadArgument(), NonFinite(), OutOfSupport(), GreyBernoulli(), SupportsDiffer(), NarrowGuide(),
    Saturated(), SigmoidLogits(), MixedTypes(), WrongJacobian(), HugeDensity(),
    LatentsIgnored(), DataIgnoredByGuide(), DataNotScored(), RowsMix(), BatchNorm(),
    UnseenNoise(), UnseenNoiseInTraining(),
    RunsDiffer(), OtherStreams(), WritesArguments(), SeedsItself(), ChangesAttributes(),
    NotScoredAgain(), NoParticleAxis(), OrderOfHierarchy(), ScoreFunction(),
)  # fmt: skip

SHAPES = frozenset(rule.code for rule in (ShapesDiffer, ObservedBroadcast, UndeclaredDims))
"""Codes of findings about shapes, from which others follow."""

__all__ = ["RULES", "SHAPES", "Rule"]
