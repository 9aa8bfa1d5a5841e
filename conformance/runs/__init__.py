"""A run from start to end: its options, the preflight, the pytest session and its folder."""
