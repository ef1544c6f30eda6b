"""`perspect describe`: the documentation of anything."""

from typing import Annotated

from cyclopts import Parameter


def describe(
    topic: Annotated[
        str | None, Parameter(help="model, quantity, pitfall, question or plan; without it, they are listed")
    ] = None,
    name: Annotated[str | None, Parameter(help="Which one; without it, all of the topic are listed")] = None,
    /,
    *,
    debug: Annotated[bool, Parameter(help="Show the traceback of an error")] = False,
) -> int:
    """Prints a page or a list."""
    del debug
    from perspect.app.describe import described

    print(described(topic, name))
    return 0
