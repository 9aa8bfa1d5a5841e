"""Drawing of a model's computations as TensorFlow graph functions for a SavedModel."""
