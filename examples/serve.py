"""Answers requests to an exported model over HTTP, in the JSON of TensorFlow Serving's REST interface.

    python examples/serve.py saved_models/weather
    curl -d '{"instances": [...]}' http://127.0.0.1:8501/v1/models/weather:predict

The model is named after its folder. The server is LitServe (pip install -e '.[serve]'), which queues requests for a
process that holds the model; docs/how_to/serve.md shows requests, and TensorFlow Serving with the same folder.
"""

import argparse
import os
import signal
from pathlib import Path

import litserve
from fastapi import HTTPException

import keras_rnn_basics as krb


class SavedModel(litserve.LitAPI):
    def __init__(self, path):
        super().__init__(api_path=f"/v1/models/{path.name}:predict")
        self.path = path

    def setup(self, device):
        self.model = krb.load_saved_model(self.path)

    def decode_request(self, request: dict):  # with this type FastAPI answers what is no JSON
        return request

    def predict(self, request):
        try:
            return self.model.respond(request)
        except ValueError as error:
            raise HTTPException(400, str(error)) from error


def main(path, host="127.0.0.1", port=8501, processes=1, most_bytes=4_000_000):
    if not (path / "saved_model.pb").exists():
        raise SystemExit(f"There is no SavedModel at {path}.")
    server = litserve.LitServer(
        SavedModel(path.resolve()),
        accelerator="cpu",
        workers_per_device=processes,
        max_payload_size=most_bytes,
        timeout=60,  # seconds that a request may wait
    )
    # The signal of `kill` and of service managers ends all processes, as Ctrl-C does; those that answer would stay.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    os.register_at_fork(after_in_child=lambda: signal.signal(signal.SIGTERM, signal.SIG_DFL))
    server.run(host=host, port=port, generate_client_file=False)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, argument_default=argparse.SUPPRESS
    )
    parser.add_argument("path", type=Path, help="the folder that export_saved_model wrote")
    parser.add_argument("--host", help="0.0.0.0 lets other machines ask")
    parser.add_argument("--port", type=int)
    parser.add_argument("--processes", type=int, help="how many processes answer; each loads the model")
    parser.add_argument("--most-bytes", type=int, help="a longer request is refused")
    main(**vars(parser.parse_args()))
