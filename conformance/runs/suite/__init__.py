"""The suite: `pytest --pyargs saveproof.conformance.runs.suite --saveproof-subject SUBJECT`."""
