"""The plain cell with its sum normalised over the units of each example.

    s_t = z_t + a_{t-1} W_aa
    a_t = g(γ (s_t - μ_t) / sqrt(σ_t² + ε) + β)      μ_t, σ_t²: mean and variance of s_t over the n_a units

Source: Ba, Kiros and Hinton, "Layer Normalization" (2016), equation 4, where γ is called g and β is called b. The paper
has no ε, which avoids a division by zero, and no bias in s_t: `frozen=("b_x", "b_a")` keeps the biases at zero.
"""

from typing import Any

import keras
from keras import ops

from keras_rnn_basics.cell import BasicRNNCell, Weight


@keras.saving.register_keras_serializable("keras_rnn_basics")
class LayerNormRNNCell(BasicRNNCell):
    """The recurrent cell `a_t = g(γ (s_t - μ) / sqrt(σ² + ε) + β)` with `s_t = z_t + a_{t-1} W_aa`.

    However large the sum grows, the input of g keeps the standard deviation γ. This helps where a plain cell saturates.
    In addition to the six weights of `BasicRNNCell` it has `cell.gamma` (n_a,), initially ones, and `cell.beta` (n_a,),
    initially zeros. b_x and b_a are inside the normalisation, so a constant that they add to all units has no effect.

    Args:
        units: n_a, at least 2: the normalised sum of a single unit is always zero.
        output_units: n_y; with `None` the output is a_t.
        epsilon: ε, a positive number; the default is that of `keras.layers.LayerNormalization`.
        **kwargs: the other arguments of `BasicRNNCell`.

    Raises:
        ValueError: for a single unit, an epsilon that is not positive, and the errors of `BasicRNNCell`.

    >>> import numpy as np
    >>> cell = LayerNormRNNCell(4, activation="linear")
    >>> a_t, _ = cell(np.ones((3, 5)), [np.zeros((3, 4))])
    >>> bool(abs(np.mean(a_t)) < 1e-5)
    True
    """

    def __init__(self, units: int, output_units: int | None = None, *, epsilon: float = 1e-3, **kwargs: Any) -> None:
        super().__init__(units, output_units, **kwargs)
        if self.units == 1:
            raise ValueError("units must be at least 2, got 1: the normalised sum of a single unit is always zero.")
        if not epsilon > 0:
            raise ValueError(f"epsilon must be a positive number, got {epsilon!r}.")
        self.epsilon = float(epsilon)

    def declare_weights(self, n_x: int) -> dict[str, Weight]:
        n_a = self.units
        return {**super().declare_weights(n_x), "gamma": Weight((n_a,), "ones"), "beta": Weight((n_a,), "zeros")}

    def advance(self, z_t: Any, states: Any) -> list[Any]:
        """(B, n_a), [(B, n_a)] -> [(B, n_a)]: `a_t = g(γ (s_t - μ) / sqrt(σ² + ε) + β)`."""
        z_t, a_prev = self._cast(z_t, *states)
        s_t = z_t + self.recur(a_prev, self.W_aa)
        centred = s_t - ops.mean(s_t, axis=-1, keepdims=True)
        variance = ops.mean(centred * centred, axis=-1, keepdims=True)
        return [self.activation(centred * ops.rsqrt(variance + self.epsilon) * self.gamma + self.beta)]

    @property
    def equations(self) -> list[str]:
        step = r"a_t = g(\gamma \, (s_t - \mu_t) (\sigma_t^2 + \epsilon)^{-1/2} + \beta)"
        return [r"s_t = x_t W_{ax} + b_x + b_a + a_{t-1} W_{aa}", step, super().equations[-1]]

    def formula(self) -> tuple[str, dict[str, Any]] | None:
        functions = {"g": self.activation, "h": self.output_activation}
        return "layer_norm", functions | {"gamma": self.gamma, "beta": self.beta, "epsilon": self.epsilon}

    def get_config(self):
        return {**super().get_config(), "epsilon": self.epsilon}
