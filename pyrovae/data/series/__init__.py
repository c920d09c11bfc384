"""Time series as data sets: of one length, of several, or windows of a long one."""

from .pendulums import pendulums
from .series import series
from .windows import windows

__all__ = ["pendulums", "series", "windows"]
