"""`perspect view`: a local page to review results."""

import webbrowser
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from perspect.cli.common import whole


def view(
    first: Annotated[Path, Parameter(name="out", help="Folder of results, the --out of other commands")],
    /,
    *more: Annotated[Path, Parameter(help="Further folders of results, to see studies side by side")],
    study: Annotated[Path | None, Parameter(help="Folder of the series that were measured, for curves")] = None,
    port: Annotated[
        int,
        Parameter(help="Port of this machine; else a free one", converter=whole, validator=Number(gte=0, lte=65535)),
    ] = 0,
    no_browser: Annotated[bool, Parameter(help="Print the address only")] = False,
    export: Annotated[Path | None, Parameter(help="Write all ratings to this file (TSV) and end")] = None,
    debug: Annotated[bool, Parameter(help="Show the traceback of an error")] = False,
) -> int:
    """Serves until it is interrupted, or exports what was said."""
    del debug
    from perspect.io.ratings import export_ratings

    if export is not None:
        print(f"{export_ratings((first, *more), export)} ratings: {export}")
        return 0
    from perspect.app.view import viewer

    with viewer(first, *more, folder=study, port=port) as server:
        print(f"Page: {server.address}\nOnly this machine can open it. End with Ctrl+C.", flush=True)
        if not no_browser:
            webbrowser.open(server.address)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print("\nClosed.")
    return 0
