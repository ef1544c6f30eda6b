"""Why the page cannot show something."""


class Unseen(Exception):
    """A sentence for the page: nothing in the call is wrong, but what was asked for is not there to be seen."""
