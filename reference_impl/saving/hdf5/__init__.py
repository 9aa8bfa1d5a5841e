"""HDF5 files in the layout of Keras 2 and in that of `.weights.h5`."""
