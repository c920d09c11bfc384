"""The objective that a user gave, as an instance."""

from pyro.infer import ELBO as PyroELBO

from ..errors import ConfigError, first_line

_WAY_OUT = (
    "needs an instance of a pyro.infer.ELBO, such as pyrovae.objectives.ELBO() or "
    "pyro.infer.Trace_ELBO()"
)


def given_objective(name: str, given: PyroELBO | type[PyroELBO]) -> PyroELBO:
    """An objective; of a class the instance that it makes without arguments.

    Args:
        name: Of the argument, for messages.
        given: By a user.

    Raises:
        ConfigError: It is something else, or a class that needs arguments.
    """
    if isinstance(given, PyroELBO):
        return given
    if isinstance(given, type) and issubclass(given, PyroELBO):
        try:
            return given()
        except TypeError as error:
            raise ConfigError(
                f"fit: {name} is the class {given.__name__}, which cannot be made without "
                f"arguments ({first_line(error)}); give an instance, {given.__name__}(...)"
            ) from error
    raise ConfigError(f"fit: {name}={given!r}, {_WAY_OUT}")
