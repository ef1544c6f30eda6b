"""What a command says of a result: the gravest first, and no map by name where none may be read."""

from typing import Final

from perspect.vocabulary import Flag, Measured, Severity

INSPECTION: Final = "The files were written for inspection only: their numbers must not be interpreted."


def refusals(measured: Measured) -> list[Flag]:
    """The flags that forbid reading the numbers."""
    return [flag for flag in measured.flags if flag.severity == Severity.REFUSED]


def headline(measured: Measured, first: str, *, verbose: bool = False) -> str:
    """What a person must know at once: the `first` line, the maps, the flags, the gravest first.

    Where a flag forbids reading the numbers, no map is named: the refusal stands first, and what the files are for.
    """
    least = Severity.NOTE if verbose else Severity.CAUTION
    flags = sorted((one for one in measured.flags if one.severity >= least), key=lambda one: -one.severity)
    n_refusals = len(refusals(measured))
    if n_refusals:
        lines = [*(line(flag) for flag in flags[:n_refusals]), INSPECTION]
    else:
        lines = [first, f"Maps: {' '.join(measured.maps) or 'none'}"]
    lines += [line(flag) for flag in flags[n_refusals:]]
    n_notes = len(measured.flags) - len(flags)
    if n_notes:
        lines.append(f"{n_notes} note{'s' if n_notes > 1 else ''} (--verbose shows them; the page has all)")
    if verbose:
        lines.append(f"Methods: {measured.recipe.methods}")
    return "\n".join(lines)


def line(flag: Flag) -> str:
    """One flag on a line."""
    where = f" [{flag.where}]" if flag.where else ""
    return f"{flag.severity.name}: {flag.sentence}{where}"
