"""Checks of a pair before it is trained."""

from .checked import Checked
from .checking import check
from .codes import all_codes, codes_table
from .objective_fit import ObjectiveFit
from .problem import Problem
from .rules import RULES
from .site_row import SiteRow

__all__ = [
    "RULES",
    "Checked",
    "ObjectiveFit",
    "Problem",
    "SiteRow",
    "all_codes",
    "check",
    "codes_table",
]
