"""How smoothly the interactive page follows: frames a second while a value is dragged, and while t moves.

    python benchmarks/page.py

Needs chromium, which runs without a window and draws without a GPU. A change is made in every frame; a screen shows 60
frames a second.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

SIZES = [(128, 50), (128, 200), (256, 200)]  # n_a, T
SECONDS = 4

DRIVE = """
new Promise((done) => {
  const slider = document.querySelector("%s"), began = performance.now();
  const low = Number(slider.min), reach = Number(slider.max) - low;
  let frames = 0;
  slider.scrollIntoView({ block: "center" });
  const frame = (now) => {
    if (now - began > %d) return done((frames / (now - began)) * 1000);
    frames += 1;
    slider.value = low + reach * (0.5 + 0.5 * Math.sin(frames / 10));
    slider.dispatchEvent(new Event("input", { bubbles: true }));
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
})
"""


def main(seconds=SECONDS):
    from browser import browser

    import keras_rnn_basics as krb

    rng = np.random.default_rng(0)
    print("   n_a    T   KiB   while                 frames a second")
    with browser() as tab:
        tab.look(1280, 900)
        for n_a, T in SIZES:
            model = krb.build_many_to_many((8,), n_a, 4, output_activation="softmax")
            x, y = rng.normal(size=(1, T, 8)).astype("float32"), rng.integers(4, size=(1, T))
            with tempfile.TemporaryDirectory() as folder:
                page = krb.write_page(model, x, Path(folder) / "page.html", y=y)
                tab.open(page)
                for name, slider in {"x_t is dragged": ".inputs input[type=range]", "t moves": "#time"}.items():
                    frames = tab(DRIVE % (slider, 1000 * seconds))
                    size = page.stat().st_size >> 10
                    print(f"  {n_a:4} {T:4} {size:5}   {name:20} {frames:10.1f}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="how long each is driven")
    main(**vars(parser.parse_args()))
