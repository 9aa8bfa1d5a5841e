"""Functional, sequential and subclassed models and their training loop, without file formats."""
