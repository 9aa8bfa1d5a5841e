"""ActivityRegularization."""

from saveproof.reference_impl.fields import configurable
from saveproof.reference_impl.layers.activation_layers import Elementwise
from saveproof.reference_impl.numerics.autodiff import Tensor, identity
from saveproof.reference_impl.regularizers import L1L2


@configurable
class ActivityRegularization(Elementwise):
    """The inputs, with a loss of `l1` times the sum of |x| plus `l2` times that of squares."""

    l1: float = 0.0
    l2: float = 0.0

    def __post_init__(self) -> None:
        self.activity_regularizer = L1L2(l1=self.l1, l2=self.l2)

    def call(self, inputs: Tensor) -> Tensor:
        """Return the inputs."""
        return identity(inputs)
