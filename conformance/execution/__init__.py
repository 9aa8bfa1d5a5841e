"""One case on its save paths, stage by stage, in one process."""
