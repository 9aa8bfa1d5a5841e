"""Conversion of a live model to its state as plain data, and back."""
