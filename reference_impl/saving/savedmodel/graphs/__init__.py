"""Drawing what a model computes as TensorFlow graph functions, as a SavedModel holds them."""
