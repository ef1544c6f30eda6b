"""A local page over results on disk: a click on a voxel, its numbers with errors, and its curve."""

from perspect.app.view.server import viewer as viewer
