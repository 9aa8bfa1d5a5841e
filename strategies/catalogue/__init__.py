"""The catalogue: what classes a subject exports, and what each of their arguments may be."""
