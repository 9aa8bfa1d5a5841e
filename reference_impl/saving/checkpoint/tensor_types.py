"""TensorFlow's type numbers and the corresponding NumPy dtypes."""

import ml_dtypes
import numpy as np

from saveproof.reference_impl.saving.errors import NotReadHere, UnwritableName

DT_FLOAT = 1
DT_STRING = 7
DT_RESOURCE = 20

DTYPES: dict[int, np.dtype] = {
    DT_FLOAT: np.dtype(np.float32),
    2: np.dtype(np.float64),
    3: np.dtype(np.int32),
    4: np.dtype(np.uint8),
    5: np.dtype(np.int16),
    6: np.dtype(np.int8),
    DT_STRING: np.dtype(object),
    8: np.dtype(np.complex64),
    9: np.dtype(np.int64),
    10: np.dtype(np.bool_),
    14: np.dtype(ml_dtypes.bfloat16),
    17: np.dtype(np.uint16),
    18: np.dtype(np.complex128),
    19: np.dtype(np.float16),
    22: np.dtype(np.uint32),
    23: np.dtype(np.uint64),
}
"""NumPy dtypes by TensorFlow's number; strings are arrays of `bytes` objects.

Source: tensorflow/core/framework/types.proto, `DataType`.
"""

_NUMBERS = {dtype: number for number, dtype in DTYPES.items()}


def dtype_of(number: int, *, where: str) -> np.dtype:
    """Return the NumPy dtype for TensorFlow's type number.

    Raises:
        NotReadHere: naming `where`, for a type without a NumPy dtype.
    """
    if number not in DTYPES:
        raise NotReadHere(
            f"{where}: expected one of TensorFlow's types {sorted(DTYPES)}, found {number}"
        )
    return DTYPES[number]


def number_of(dtype: np.dtype, *, where: str) -> int:
    """Return TensorFlow's type number for a dtype.

    Raises:
        UnwritableName: naming `where`, for a dtype that TensorFlow lacks.
    """
    native = dtype.newbyteorder("=")
    if native not in _NUMBERS:
        raise UnwritableName(
            f"{where}: expected one of the dtypes {[str(known) for known in _NUMBERS]}, "
            f"found {dtype}"
        )
    return _NUMBERS[native]
