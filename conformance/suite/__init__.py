"""The suite: `pytest --pyargs saveproof.conformance.suite --saveproof-subject SUBJECT`."""
