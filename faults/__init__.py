"""Fault injection: kills a save, or makes the disk fail, at each of its operations."""
