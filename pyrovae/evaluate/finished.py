"""What was measured of the blocks of a sweep, all of them or those before an interrupt."""

from typing import TypeVar

from ..runtime.interrupts import Interrupted
from ..runtime.result import Result

T = TypeVar("T")
R = TypeVar("R", bound=Result)


class Finished(list[T]):
    """One result per block, in the order of the data.

    Attributes:
        num_data: Of how many data they are.
        interrupted: The same in words, where an interrupt came before the rest.
    """

    num_data: int = 0
    interrupted: str | None = None

    def give(self, result: R) -> R:
        """The result that was made of these.

        Raises:
            Interrupted: They are not all; the error holds the result.
        """
        if self.interrupted is not None:
            raise Interrupted(self.interrupted, result)
        return result
