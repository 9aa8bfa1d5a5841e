"""Records of a run, and their renderings."""
