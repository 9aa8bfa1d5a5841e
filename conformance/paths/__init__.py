"""Save paths: the ways to write a model and read it back, with the contract of each."""
