"""Configurations in the words of Keras 2 and of Keras 3."""
