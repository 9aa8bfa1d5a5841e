"""Performance, measured side by side in one run and printed as a table; never asserted."""
