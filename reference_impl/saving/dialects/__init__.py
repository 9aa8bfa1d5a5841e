"""Configurations in the forms of Keras 2 and Keras 3."""
