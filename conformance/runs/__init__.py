"""A whole run: what is refused before it, the pytest session, the folder that it writes."""
