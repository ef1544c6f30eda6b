"""`python -m perspect.cli`: the same as `perspect`."""

import sys

from perspect.cli import main

sys.exit(main())
