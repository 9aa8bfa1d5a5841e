"""Saving and loading models: a folder for each file format."""
