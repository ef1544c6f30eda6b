"""The only fitter."""
