"""Writing: ŷ_t is fed back as x_{t+1}, inside the graph.

Everything here needs only one function, the step of a network whose answer is one number for each token:

    step(token, states) -> (logits, states)          (B,), [(B, ...), ...] -> (B, V), [(B, ...), ...]

and loops over it in one `tf.while_loop`. A logit of -inf excludes a token. If a logit is NaN or +inf, or all are -inf,
no token can be chosen, and `refuse_nan` raises an error. The caller draws the random numbers with `uniform_numbers`,
because a graph compiled by XLA would draw other numbers from the same seed.
"""

from keras_rnn_basics.decoding.beams import Beams, beam_search
from keras_rnn_basics.decoding.choosing import greedy, sampling, uniform_numbers
from keras_rnn_basics.decoding.step import NOT_FINITE, Choice, Step, keras_hub_next, refuse_nan
from keras_rnn_basics.decoding.writing import Written, read, write

__all__ = [
    "NOT_FINITE",
    "Beams",
    "Choice",
    "Step",
    "Written",
    "beam_search",
    "greedy",
    "keras_hub_next",
    "read",
    "refuse_nan",
    "sampling",
    "uniform_numbers",
    "write",
]
