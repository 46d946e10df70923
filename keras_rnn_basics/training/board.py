"""TensorBoard's log of a run: the numbers of every epoch.

Keras' callback writes them one epoch after another, which takes as long as ten training steps of a small network; here
they are written together, when the state is.
"""

import importlib.util
from pathlib import Path
from typing import Any


class Board:
    """The folder `tensorboard`, as Keras' callback would fill it."""

    def __init__(self, folder: Path, writes: bool) -> None:
        self.folder = folder / "tensorboard"
        self.writers: dict[str, Any] = {}
        missing = [name for name in ("tensorboard", "tensorflow") if importlib.util.find_spec(name) is None]
        self.writes = writes and not missing
        if missing:
            print(f"No TensorBoard log: {' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not installed.")

    def write(self, history: dict[str, list[float]], first: int, last: int) -> None:
        """The numbers of the epochs first .. last - 1, counted from 0."""
        if not self.writes:
            return
        import tensorflow as tf

        for name, values in history.items():
            part, own = ("validation", name.removeprefix("val_")) if name.startswith("val_") else ("train", name)
            if part not in self.writers:
                self.writers[part] = tf.summary.create_file_writer(str(self.folder / part))
            with self.writers[part].as_default():
                for epoch in range(first, last):
                    tf.summary.scalar(f"epoch_{own}", values[epoch], step=epoch)
        for writer in self.writers.values():
            writer.flush()

    def close(self) -> None:
        for writer in self.writers.values():
            writer.close()
