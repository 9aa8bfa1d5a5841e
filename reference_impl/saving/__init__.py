"""Saving and loading models: one folder per file format."""
