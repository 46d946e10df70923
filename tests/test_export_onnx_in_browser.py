"""The ONNX files run in a browser, by onnxruntime-web, with the numbers of the model."""

import http.server
import json
import shutil
import subprocess
import threading
from functools import partial
from typing import ClassVar

import numpy as np
import pytest
from test_export_onnx import with_random_weights

import keras_rnn_basics as krb

RUNTIME = "onnxruntime-web@1.30.0"
# Its builds for WebAssembly: a module, and the program that the module loads.
FILES = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")

PAGE = """<!doctype html><script type="module">
import * as ort from "./ort.wasm.min.mjs";
ort.env.wasm.numThreads = 1;
const tensor = ({data, dims}) => new ort.Tensor("float32", Float32Array.from(data), dims);
const said = (answers) => Object.fromEntries(Object.entries(answers).map(([name, y]) => [name, [...y.data]]));
let answer;
try {
  const {x, steps, a} = await (await fetch("given.json")).json();
  const whole = await (await ort.InferenceSession.create("m.onnx")).run({x: tensor(x)});
  const step = await ort.InferenceSession.create("m.step.onnx");
  let state = tensor(a), y_t;
  for (const x_t of steps) ({y_t, a_t: state} = await step.run({x_t: tensor(x_t), a: state}));
  answer = {...said(whole), ...said({y_t, a_t: state})};
} catch (error) { answer = {error: String(error)}; }
await fetch("answer", {method: "POST", body: JSON.stringify(answer)});
</script>"""


@pytest.fixture
def site(tmp_path):
    """A folder with the files of onnxruntime-web; a test without them, or without a browser, is skipped."""
    missing = [name for name in ("chromium", "node", "npm") if shutil.which(name) is None]
    if missing:
        pytest.skip(f"there is no {' and no '.join(missing)} here")
    installing = ["npm", "install", "--silent", "--no-fund", "--no-audit", "--prefix", str(tmp_path / "npm"), RUNTIME]
    installed = subprocess.run(installing, capture_output=True, text=True, check=False, timeout=300)
    if installed.returncode:
        pytest.skip(f"npm cannot install {RUNTIME}: {installed.stderr.strip()[-200:]}")
    (tmp_path / "site").mkdir()
    for name in FILES:
        shutil.copy(tmp_path / "npm/node_modules/onnxruntime-web/dist" / name, tmp_path / "site" / name)
    return tmp_path / "site"


class Server(http.server.SimpleHTTPRequestHandler):
    """Gives the site's files, and keeps what the page answers."""

    extensions_map: ClassVar = {
        ".html": "text/html; charset=utf-8",
        ".mjs": "text/javascript",
        ".wasm": "application/wasm",
        "": "application/octet-stream",
    }

    def __init__(self, *arguments, answers, **more):
        self.answers = answers
        super().__init__(*arguments, **more)

    def do_POST(self):
        self.answers.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(204)
        self.end_headers()
        self.server.answered.set()

    def log_message(self, *arguments):
        pass


def answer_of(site, tmp_path):
    """What the site's page answers in a browser without a window."""
    answers = []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Server, directory=str(site), answers=answers))
    server.answered = threading.Event()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    command += [f"http://127.0.0.1:{server.server_port}/index.html"]
    browser = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        assert server.answered.wait(120), "the page gave no answer in two minutes"
    finally:
        browser.terminate()
        browser.wait(30)
        server.shutdown()
        server.server_close()
    [answer] = answers
    return answer


def numbers(array):
    return {"data": np.ravel(array).tolist(), "dims": list(array.shape)}


@pytest.mark.extra
def test_the_files_give_the_models_numbers_in_a_browser(x, site, tmp_path):
    model = with_random_weights(krb.build_many_to_many((3,), 5, 2))
    krb.export_onnx(model, site / "m.onnx")
    steps, a = [numbers(x[:, t]) for t in range(x.shape[1])], np.zeros((len(x), 5))
    (site / "given.json").write_text(json.dumps({"x": numbers(x), "steps": steps, "a": numbers(a)}))
    (site / "index.html").write_text(PAGE)
    answer, y = answer_of(site, tmp_path), model(x).numpy()
    assert "error" not in answer, answer["error"]
    np.testing.assert_allclose(np.reshape(answer["y"], y.shape), y, atol=1e-5)
    np.testing.assert_allclose(np.reshape(answer["y_t"], y[:, -1].shape), y[:, -1], atol=1e-5)
    a_T = model.get_layer("rnn_1").activations(x)[:, -1]
    np.testing.assert_allclose(np.reshape(answer["a_t"], a_T.shape), a_T, atol=1e-5)
