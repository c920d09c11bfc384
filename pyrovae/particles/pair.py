"""Calls with one object that has a `model` and a `guide`, in place of the two programs."""

import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, cast, overload

from pyro.infer import ELBO
from pyro.infer.autoguide import AutoGuide
from pyro.nn import PyroModule
from pyro.optim import PyroOptim
from torch import nn

from ..errors import ConfigError
from .handlers import Program

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)

Programs = tuple[Program, Program]
"""A model and a guide."""

_CALLS_FORWARD = (nn.Module.__call__, PyroModule.__call__)


class HasPair(Protocol):
    """Whatever has a model and a guide: a family, a `PyroModule`, a dataclass, a namespace."""

    @property
    def model(self) -> Program:
        """The generative program p(z)p(x|z)."""

    @property
    def guide(self) -> Program:
        """The inference program q(z|x)."""


class TakesPair(Protocol[P, R_co]):
    """A function of model, guide and more; or of one object that has both, and more."""

    __name__: str

    @overload
    def __call__(
        self, model: Program, guide: Program, *args: P.args, **kwargs: P.kwargs
    ) -> R_co: ...

    @overload
    def __call__(self, pair: HasPair, /, *args: P.args, **kwargs: P.kwargs) -> R_co: ...


def takes_pair(function: Callable[Concatenate[Program, Program, P], R]) -> TakesPair[P, R]:
    """Decorator: one object with `model` and `guide` may take the place of both.

    Signature and docstring stay those of the function of model and guide.

    Raises:
        ConfigError: From a call: there is no guide, an object has one of the two alone, or a class
            is given in place of an instance.
    """
    name, signature = function.__name__, inspect.signature(function)

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> R:  # noqa: ANN401
        return function(*programs_first(name, signature, args, kwargs), **kwargs)

    return cast(TakesPair[P, R], call)


def takes_pair_itself(method: Callable[..., Any]) -> Callable[..., Any]:
    """The same of a method, whose own overloads say so to type checkers."""
    whole = inspect.signature(method)
    signature = whole.replace(parameters=list(whole.parameters.values())[1:])

    @wraps(method)
    def call(self: object, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        name = type(self).__name__
        return method(self, *programs_first(name, signature, args, kwargs), **kwargs)

    return call


def programs_first(
    name: str, signature: inspect.Signature, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> tuple[Any, ...]:
    """The positional arguments of a call, with model and guide in place of a pair.

    Args:
        name: Of the function, for messages.
        signature: Of the function, which takes model and guide first.
        args: As given.
        kwargs: As given; they are not changed.

    Raises:
        ConfigError: See `takes_pair`.
    """
    if not args or "model" in kwargs:
        _check_keywords(name, args, kwargs)
        return tuple(args)
    first = args[0]
    second = kwargs["guide"] if "guide" in kwargs else args[1] if len(args) > 1 else None
    has_guide = "guide" in kwargs or is_program(second)
    _check_instance(name, "first argument", first)
    _check_instance(name, "guide" if "guide" in kwargs else "second argument", second)
    pair = _pair_of(first)
    if pair is None:
        if not (has_guide and callable(first)):
            raise ConfigError(f"{name}: {_why_no_pair(first, args[1:])}")
        return tuple(args)
    # A model may have attributes of these names, and what follows a pair may be callable.
    if has_guide and is_program(first) and _binds(signature, args, kwargs):
        return tuple(args)
    if "guide" in kwargs:
        raise ConfigError(
            f"{name}: the first argument, of type {type(first).__name__}, has a guide, and guide= "
            "is given too; give its .model as the model, or leave guide= out"
        )
    return (*pair, *args[1:])


def programs_of(given: object, where: str) -> Programs:
    """The model and the guide of an object.

    Raises:
        ConfigError: It does not have both; `where` begins the message.
    """
    _check_instance(where, "pair", given)
    pair = _pair_of(given)
    if pair is None:
        raise ConfigError(f"{where}: {_why_no_pair(given, ())}")
    return pair


def _pair_of(given: object) -> Programs | None:
    if _is_easy_guide(given):  # whose method `guide` is a part of itself
        return None
    model, guide = getattr(given, "model", None), getattr(given, "guide", None)
    return (model, guide) if callable(model) and callable(guide) else None


def is_program(given: object) -> bool:
    """Whether an object can be called as a model or a guide is."""
    if isinstance(given, PyroOptim | ELBO):  # which are callable
        return False
    if isinstance(given, nn.Module) and type(given).__call__ in _CALLS_FORWARD:
        own = getattr(given.forward, "__func__", given.forward)
        return own is not nn.Module.forward  # which only raises
    return callable(given)


def _is_easy_guide(given: object) -> bool:
    easy = sys.modules.get("pyro.contrib.easyguide")  # who has one has imported it
    return easy is not None and isinstance(given, easy.EasyGuide)


def _binds(signature: inspect.Signature, args: Sequence[Any], kwargs: Mapping[str, Any]) -> bool:
    try:
        signature.bind(*args, **kwargs)
    except TypeError:
        return False
    return True


def _check_keywords(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    for role in ("model", "guide"):
        _check_instance(name, role, kwargs.get(role))
    if not args and "model" in kwargs and "guide" not in kwargs:
        model, way = kwargs["model"], "give model= and guide="
        if _pair_of(model) is not None:
            way = f"the {type(model).__name__} has both: give it as the first argument, by itself"
        raise ConfigError(f"{name}: guide= is missing; {way}")


def _check_instance(name: str, role: str, given: object) -> None:
    if isinstance(given, type):
        raise ConfigError(
            f"{name}: the {role} is the class {given.__name__}; give an instance, "
            f"{given.__name__}(...)"
        )
    if inspect.isfunction(given) and given.__code__.co_varnames[:1] == ("self",):
        raise ConfigError(
            f"{name}: the {role} is the method {given.__qualname__} of a class; make an instance "
            f"first, and give its .{given.__name__}"
        )


def _why_no_pair(first: object, others: Sequence[Any]) -> str:
    needs = "give model, guide and the rest, or an object with .model and .guide and the rest"
    kind = type(first).__name__
    if isinstance(first, AutoGuide) or _is_easy_guide(first):
        return f"the first argument is a guide, of type {kind}, and the model comes first; {needs}"
    held = {role: getattr(first, role, None) for role in ("model", "guide")}
    lacks = [role for role, part in held.items() if not callable(part)]
    if not callable(first) or (len(lacks) == 1 and not others):
        if len(lacks) == 2 and held == {"model": None, "guide": None}:
            return f"the first argument is of type {kind}, and no model; {needs}"
        what = "no" if held[lacks[0]] is None else "a value that is not callable as"
        return f"the first argument, of type {kind}, has {what} .{lacks[0]}; {needs}"
    if not others:
        return f"the guide is missing; {needs}"
    return (
        f"the second argument is of type {type(others[0]).__name__}, and should be the guide; "
        f"{needs}"
    )
