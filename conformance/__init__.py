"""Run subjects through their save paths and hold each to its contract."""
