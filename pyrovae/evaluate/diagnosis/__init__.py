"""What is wrong with a trained pair, if something is, and what helps."""

from .diagnose import diagnose
from .diagnosis import Diagnosis
from .verdict import Remedy, Verdict

__all__ = ["Diagnosis", "Remedy", "Verdict", "diagnose"]
