"""Property-based tests for saving, loading and resuming models."""
