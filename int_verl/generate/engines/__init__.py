"""Engines: what turns prompt token ids into completion token ids."""
