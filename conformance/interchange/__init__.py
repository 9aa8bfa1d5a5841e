"""Interchange: what one subject writes and another reads, held to the contracts of both."""
