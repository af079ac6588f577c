"""Intervention Training (InT, arXiv 2601.14209) as a plugin for verl."""

__version__ = "0.1.0"
