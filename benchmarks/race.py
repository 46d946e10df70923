"""Contestants in processes of their own, timed in turn, so that noise on the machine meets all of them alike.

A contestant is a function that makes a step, named by its module, with its arguments; each call of the step must have
finished its work when it returns.
"""

import contextlib
import importlib
import multiprocessing
import os
import resource
import statistics
import time
from dataclasses import dataclass, field


@dataclass
class Lap:
    """What one contestant came to in one race.

    Attributes:
        milliseconds: of one step, the median of its turns.
        first_seconds: of the first step: tracing and compiling.
        megabytes: by how much the process' peak memory grew from the first step on.
        missing: why there is nothing to tell, or "".
    """

    milliseconds: float = float("nan")
    first_seconds: float = float("nan")
    megabytes: float = float("nan")
    missing: str = ""
    turns: list[float] = field(default_factory=list)


def race(contestants, rounds=7, seconds=0.4, environment=None):
    """{name: (module, function, *arguments)} -> {name: Lap}: every contestant has `rounds` turns of `seconds` each."""
    workers = {name: _Worker(environment or {}, *what) for name, what in contestants.items()}
    laps = {name: worker.made() for name, worker in workers.items()}
    running = {name: worker for name, worker in workers.items() if not laps[name].missing}
    for name, worker in running.items():
        worker.start(laps[name])
    for _ in range(rounds):
        for name, worker in running.items():
            if not laps[name].missing:
                worker.turn(laps[name], seconds)
    for name, worker in running.items():
        worker.stop(laps[name])
    return laps


class _Worker:
    def __init__(self, environment, module, function, *arguments):
        self.pipe, theirs = multiprocessing.get_context("spawn").Pipe()
        work = (theirs, environment, module, function, arguments)
        self.process = multiprocessing.get_context("spawn").Process(target=_work, args=work, daemon=True)
        self.process.start()
        theirs.close()

    def ask(self, question):
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.pipe.send(question)
        return self.answer()

    def answer(self):
        try:
            return self.pipe.recv()
        except (EOFError, ConnectionResetError):
            return "missing", "its process ended (out of memory?)"

    def made(self):
        """Waits for its step to be made, which all contestants do at the same time."""
        kind, answer = self.answer()
        return Lap(missing=answer) if kind == "missing" else Lap()

    def start(self, lap):
        kind, answer = self.ask("start")
        if kind == "missing":
            lap.missing = answer
        else:
            lap.first_seconds = answer

    def turn(self, lap, seconds):
        kind, answer = self.ask(seconds)
        if kind == "missing":
            lap.missing = answer
            return
        lap.turns.append(answer)
        lap.milliseconds = statistics.median(lap.turns)

    def stop(self, lap):
        kind, answer = self.ask("stop")
        if kind == "done":
            lap.megabytes = answer
        self.process.join()


def _work(pipe, environment, module, function, arguments):
    os.environ.update({"TF_CPP_MIN_LOG_LEVEL": "3"} | environment)
    # What frameworks say about drivers they do not find, from C++ as well.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    try:
        make = getattr(importlib.import_module(module), function)
        step = make(*arguments)
        pipe.send(("made", None))
        pipe.recv()
        before, began = _peak_megabytes(), time.perf_counter()
        step()
        pipe.send(("done", time.perf_counter() - began))
        while (order := pipe.recv()) != "stop":
            step()  # wakes threads and caches that slept while others ran
            began, steps = time.perf_counter(), 0
            while steps < 1 or time.perf_counter() - began < order:
                step()
                steps += 1
            pipe.send(("done", (time.perf_counter() - began) / steps * 1e3))
        pipe.send(("done", _peak_megabytes() - before))
    except Exception as error:
        pipe.send(("missing", f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"[:200]))


def _peak_megabytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
