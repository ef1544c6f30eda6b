"""`python -m perspect`: the same as `perspect`."""

import sys

from perspect.cli import main

sys.exit(main())
