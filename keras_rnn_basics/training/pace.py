"""How many training steps make one call."""

import time

from keras_rnn_basics.training.workers import Workers

# Callbacks, Ctrl-C and the learning rate of `minutes=` wait for the end of a call. A call with its callbacks costs
# about a millisecond, which is lost in this.
SECONDS_A_CALL = 0.2


class Pace:
    """As many steps as take a fifth of a second, or as many as the model was compiled with, where that is more than 1.

    The numbers of a run do not depend on it.
    """

    def __init__(self, asked: int = 1, workers: Workers | None = None) -> None:
        self.asked, self.steps, self.calls, self.workers = asked, asked, 0, workers

    def learn(self, steps: int, began: float) -> None:
        """A call of so many steps, which began at this `time.perf_counter()`, has ended."""
        self.calls += 1
        if self.asked == 1 and self.calls > 1:  # the first call compiles
            fitting = int(steps * SECONDS_A_CALL / max(time.perf_counter() - began, 1e-6))
            steps = max(1, min(fitting, 8 * self.steps))
            self.steps = int(self.workers.of_chief(steps)) if self.workers else steps
