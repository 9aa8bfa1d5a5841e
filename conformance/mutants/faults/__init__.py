"""The faults: one function each, whose docstring describes the fault."""
