"""Errors that say what is wrong, where, why it matters, and what to do."""

from collections.abc import Callable


class Problem(Exception):
    """The call or the input is wrong (exit code 2).

    >>> str(Problem("sub-01_dsc.json has no EchoTime.", "ΔR2* is -ln(S/S0)/TE.", "Add EchoTime in s, or pass
    te=0.030.")) 'sub-01_dsc.json has no EchoTime. ΔR2* is -ln(S/S0)/TE. Add EchoTime in s, or pass te=0.030.'
    """

    exit_code = 2

    def __init__(self, what: str, why: str = "", remedy: str = "") -> None:
        self.what, self.why, self.remedy = what, why, remedy
        super().__init__(" ".join(part for part in (what, why, remedy) if part))

    def retold(self, change: Callable[[str], str]) -> "Problem":
        """The same with other words for what it speaks of."""
        return type(self)(change(self.what), change(self.why), change(self.remedy))


class Refusal(Problem):
    """The data are there but must not be interpreted (exit code 3)."""

    exit_code = 3
