"""Tensors, and primitives with their derivatives, recorded on a tape."""
