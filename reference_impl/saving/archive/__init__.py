"""The `.keras` archive."""
