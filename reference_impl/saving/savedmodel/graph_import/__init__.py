"""Models made of graphs that others wrote, without the code of their classes."""
