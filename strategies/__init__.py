"""What to try: cases as data, the arrays they imply, and the Hypothesis strategies for them."""
