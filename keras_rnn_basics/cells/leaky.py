"""The leaky integrator: each unit keeps a part of its old state and adds a part of the plain cell's new state.

    a_t = (1 - α) a_{t-1} + α g(z_t + a_{t-1} W_aa)

A unit forgets over about 1/α steps; with α = 1 this is the plain cell.

Source: Lukoševičius, "A Practical Guide to Applying Echo State Networks" (2012), equations 2 and 3.
"""

import math
from typing import Any

import keras
from keras import ops

from keras_rnn_basics.cell import BasicRNNCell, Weight


@keras.saving.register_keras_serializable("keras_rnn_basics")
class LeakyRNNCell(BasicRNNCell):
    """The recurrent cell `a_t = (1 - α) a_{t-1} + α g(z_t + a_{t-1} W_aa)`.

    Recurrent dropout multiplies a_{t-1} in both terms: a dropped unit forgets its state, and a kept unit keeps `(1 - α)
    / (1 - p)` of its state, so with a rate p above α the state grows from step to step. Choose p below α.

    Args:
        units: n_a, the number of hidden units.
        output_units: n_y; with `None` the output is a_t.
        alpha: α in (0, 1]; if it is learned, the initial value of every unit, which must be below 1.
        learn_alpha: whether to learn an α for each unit. It is the sigmoid of a weight `cell.alpha_logit` (n_a,), so it
            stays in (0, 1).
        **kwargs: the other arguments of `BasicRNNCell`.

    Raises:
        ValueError: for an alpha outside this range, and the errors of `BasicRNNCell`.

    >>> import numpy as np
    >>> cell = LeakyRNNCell(2, alpha=0.25, initializers={"W_aa": "zeros"})
    >>> np.asarray(cell(np.zeros((1, 3)), [np.ones((1, 2))])[0]).tolist()
    [[0.75, 0.75]]
    """

    def __init__(
        self, units: int, output_units: int | None = None, *, alpha: float = 0.5, learn_alpha: bool = False, **kwargs
    ) -> None:
        if not 0 < alpha <= 1 or (learn_alpha and alpha == 1):
            raise ValueError(f"alpha must be a number in (0, 1], below 1 if it is learned, got {alpha!r}.")
        # Set before `super().__init__`, which needs the names of the weights.
        self.alpha, self.learn_alpha = float(alpha), bool(learn_alpha)
        super().__init__(units, output_units, **kwargs)

    def declare_weights(self, n_x: int) -> dict[str, Weight]:
        weights = super().declare_weights(n_x)
        if self.learn_alpha:
            logit = math.log(self.alpha / (1 - self.alpha))
            weights["alpha_logit"] = Weight((self.units,), keras.initializers.Constant(logit))
        return weights

    def advance(self, z_t: Any, states: Any) -> list[Any]:
        """(B, n_a), [(B, n_a)] -> [(B, n_a)]: `a_t = (1 - α) a_{t-1} + α g(z_t + a_{t-1} W_aa)`."""
        z_t, a_prev = self._cast(z_t, *states)
        alpha = ops.sigmoid(self.alpha_logit) if self.learn_alpha else self.alpha
        return [(1 - alpha) * a_prev + alpha * self.activation(z_t + self.recur(a_prev, self.W_aa))]

    @property
    def equations(self) -> list[str]:
        step = r"a_t = (1 - \alpha) a_{t-1} + \alpha \, g(x_t W_{ax} + b_x + b_a + a_{t-1} W_{aa})"
        return [step, super().equations[-1]]

    def formula(self) -> tuple[str, dict[str, Any]] | None:
        alpha = ops.sigmoid(self.alpha_logit) if self.learn_alpha else ops.full((self.units,), self.alpha)
        return "leaky", {"g": self.activation, "h": self.output_activation, "alpha": alpha}

    def get_config(self):
        return {**super().get_config(), "alpha": self.alpha, "learn_alpha": self.learn_alpha}
