"""Reproducible measurements of speed and memory. `python -m bench`; never part of the tests."""
