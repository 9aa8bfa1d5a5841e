"""Many cases: what is run, in which process, and what a defect shrinks to."""
