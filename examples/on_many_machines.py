"""The characters of the plays, trained by several workers: each of them runs `main` of sentences.py, unchanged.

    pip install -e ".[examples,ray]"
    python examples/on_many_machines.py --workers 2

Ray starts the workers, on this machine or on those of the cluster that it is connected to, tells each of them who the
others are (TF_CONFIG), and starts them again where one is lost. All of them have to reach this folder under one path.
Alone, on one machine of two cores, two workers have a core each: what it is good for is another machine.
"""

import os
from pathlib import Path

from common import options

import ray.train
from ray.train.tensorflow import TensorflowTrainer

FOLDER = Path(__file__).resolve().parent


def main(workers=2, text=None, minutes=3.0, units=512, seed=0, device="auto", precision="float32"):
    settings = {
        "text": text,
        "minutes": minutes,
        "units": units,
        "seed": seed,
        "device": device,
        "precision": precision,
    }
    trainer = TensorflowTrainer(
        work,
        train_loop_config={"folder": os.getcwd(), "settings": settings},
        scaling_config=ray.train.ScalingConfig(num_workers=workers, use_gpu=device == "gpu"),
        run_config=ray.train.RunConfig(
            "sentences",
            storage_path=os.path.abspath("runs/ray"),
            failure_config=ray.train.FailureConfig(max_failures=1),
        ),
    )
    trainer.fit()


def work(config):
    """What each worker runs; it may import TensorFlow only once Ray has told it who the others are."""
    import sys

    import tensorflow as tf

    strategy = tf.distribute.MultiWorkerMirroredStrategy()  # before any other operation of TensorFlow
    os.chdir(config["folder"])
    sys.path.insert(0, str(FOLDER))
    import sentences

    sentences.main(**config["settings"], strategy=strategy)


if __name__ == "__main__":
    parser = options(__doc__, "units", "seed")
    parser.add_argument("--workers", type=int, help="how many processes train together")
    parser.add_argument("--text", help="your own UTF-8 text: a file, or a folder of .txt files; its path from the root")
    parser.add_argument("--minutes", type=float, help="how long to train")
    main(**vars(parser.parse_args()))
