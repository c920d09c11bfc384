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
    Undeclared(), OneNameTwice(), NotReached(), NoParameters(), Frozen(), StoreHasAnother(),
    NotContiguous(), NonFiniteParameter(), MadeAnew(), Unused(), Unconstrained(),
    GuideLacks(), ModelLacks(), GuideObserves(), NothingObserved(), ShapesDiffer(),
    ObservedBroadcast(), SitesDiffer(),
    OutsideThePlate(), NoPlate(), SequentialPlate(), PlatesDiffer(), ScalesDiffer(),
    UnequalScales(), UndeclaredDims(), PlateWithoutSize(), SeveralPlates(), OneSizeOnly(),
    RowParameters(),
    BadArgument(), NonFinite(), OutOfSupport(), GreyBernoulli(), SupportsDiffer(), NarrowGuide(),
    Saturated(), SigmoidLogits(), MixedTypes(),
    LatentsIgnored(), DataIgnoredByGuide(), DataNotScored(), RowsMix(), BatchNorm(),
    UnseenNoise(), UnseenNoiseInTraining(),
    RunsDiffer(), OtherStreams(), WritesArguments(), SeedsItself(), ChangesAttributes(),
    NotScoredAgain(), NoParticleAxis(), OrderOfHierarchy(), ScoreFunction(),
)  # fmt: skip

__all__ = ["RULES", "Rule"]
