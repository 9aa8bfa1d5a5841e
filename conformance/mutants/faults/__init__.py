"""The faults: a function each, whose docstring says what is wrong."""
