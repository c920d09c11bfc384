"""Tables: rows that a pair makes, cells that it fills in, and checks of made rows."""

from .filling import imputed
from .making import synthesise
from .resemblance import Resemblance
from .resembling import resemblance

__all__ = ["Resemblance", "imputed", "resemblance", "synthesise"]
