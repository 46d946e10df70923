"""The processes that train one network together, and what they have to agree on.

Every one of them runs the same program, and waits in every step for the gradients of the others. So they must take the
same number of steps, see the same learning rate, and stop at the same place: where a clock, a signal or a user's
callback decides, all of them take the decision of one.
"""

import json
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from keras_rnn_basics.compat import peer_answers

SECONDS_TO_ANSWER = 5


class Workers:
    """The workers of a `tf.distribute` strategy.

    Attributes:
        addresses: of each worker, `host:port`; of a strategy in one process, or none, there is one without an address.
        index: which of them this process is.
    """

    def __init__(self, strategy: Any) -> None:
        self.strategy = strategy
        resolver = getattr(strategy, "cluster_resolver", None)
        jobs = {} if resolver is None else resolver.cluster_spec().as_dict()
        chiefs = jobs.get("chief", [])  # a job of its own, where there is one
        workers = jobs.get("worker", [])
        self.addresses, self.index = [*chiefs, *workers] or [""], 0
        # As TensorFlow calls them.
        self.tasks = [
            f"/job:{job}/replica:0/task:{n}"
            for job, hosts in (("chief", chiefs), ("worker", workers))
            for n in range(len(hosts))
        ]
        if resolver is not None and jobs:
            self.index = resolver.task_id + (len(chiefs) if resolver.task_type == "worker" else 0)
        self._exchange: Any = None

    @property
    def chief(self) -> bool:
        """Whether this is the one that writes."""
        return self.index == 0

    def all_of(self, number: float) -> np.ndarray:
        """The number of each worker, (workers,); all of them wait here for each other."""
        if len(self.addresses) == 1:
            return np.array([number])
        if self._exchange is None:
            self._exchange = self._exchange_numbers()
        own = np.zeros(len(self.addresses))
        own[self.index] = number
        return self._exchange(own)

    def of_chief(self, number: float) -> float:
        """The chief's number, for all."""
        return float(self.all_of(number)[0])

    def any_of(self, flag: bool) -> bool:
        """Whether one of them says so."""
        return bool(self.all_of(flag).any())

    def insist_on_one(self, what: Any, different: str) -> None:
        """A ValueError that names the first worker whose `what` is not the chief's."""
        other = self.other_than_the_chief(what)
        if other is not None:
            raise ValueError(f"{other.capitalize()} has {different} than worker 0.")

    def other_than_the_chief(self, what: Any) -> str | None:
        """The first worker whose `what` is not the chief's, such as "worker 1 (10.0.0.2:2222)"."""
        if len(self.addresses) == 1:
            return None
        every = self.all_of(zlib.crc32(json.dumps(what, default=str, sort_keys=True).encode()))
        others = np.flatnonzero(every != every[0])
        return self._name(others[0]) if len(others) else None

    def silent(self) -> list[str]:
        """Those that no longer answer, such as "worker 1 (10.0.0.2:2222)"."""
        others = [index for index in range(len(self.addresses)) if index != self.index]
        if not others:
            return []
        with ThreadPoolExecutor(len(others)) as pool:  # at once: one that has heard of it ends before long
            answers = pool.map(lambda index: peer_answers(self.tasks[index], SECONDS_TO_ANSWER), others)
            return [self._name(index) for index, answered in zip(others, answers) if not answered]

    def _name(self, index):
        return f"worker {index} ({self.addresses[index]})"

    def _exchange_numbers(self):
        import tensorflow as tf

        strategy = self.strategy

        def one(numbers):
            context = tf.distribute.get_replica_context()
            # Each of a worker's replicas gives its part of the same numbers.
            part = numbers * (len(self.addresses) / context.num_replicas_in_sync)
            return context.all_reduce("sum", part)

        exchange = tf.function(lambda numbers: strategy.run(one, args=(numbers,)), autograph=False)
        return lambda numbers: strategy.experimental_local_results(exchange(tf.constant(numbers)))[0].numpy()
