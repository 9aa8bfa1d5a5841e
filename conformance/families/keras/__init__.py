"""Keras, in every version: its subjects, their save paths and contracts."""
