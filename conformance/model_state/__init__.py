"""What a save path promises, what a model holds, and what was seen of one case."""
