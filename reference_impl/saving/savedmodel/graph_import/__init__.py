"""Import of models from the graphs of other writers, without the code of their classes."""
