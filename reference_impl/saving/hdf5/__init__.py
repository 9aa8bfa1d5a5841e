"""HDF5: the layout of Keras 2, and that of `.weights.h5`."""
