"""Interchange: tests whether one subject can read what another writes."""
