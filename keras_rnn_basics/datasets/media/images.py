"""The pictures in one file: an image, an animated image, or a video, read by imageio."""

from importlib.util import find_spec
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from keras_rnn_basics.datasets.bounded import refuse_beyond

IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff")
VIDEOS = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg")


def read_pictures(file: Path, max_bytes: int, length: int | None = None) -> np.ndarray:
    """-> (n, H, W) or (n, H, W, C): the first `length` pictures of a file, with all their bits, turned as EXIF says.

    Raises:
        ImportError: when imageio, or for a video its PyAV plugin, is not installed.
        ValueError: for a file that cannot be read, or whose pictures take more than `max_bytes` as float32.
    """
    if find_spec("imageio") is None:
        raise ImportError("imageio reads the images: pip install 'keras_rnn_basics[examples]'.")
    is_video = file.suffix.lower() in VIDEOS
    if is_video and find_spec("av") is None:
        raise ImportError(f"PyAV reads videos such as {file}: pip install 'keras_rnn_basics[examples]'.")
    import imageio.v3 as iio

    # What the decoders raise for a damaged file is of many kinds, some of them their own.
    def attempt(read):
        try:
            return read()
        except Exception as error:
            raise ValueError(
                f"{file} cannot be read as {'a video' if is_video else 'an image'}: it is empty, broken, or of another "
                f"format ({type(error).__name__})."
            ) from error

    if is_video:
        frames, taken = attempt(lambda: iio.imiter(file, plugin="pyav")), 0
        pictures: list[np.ndarray] = []
        while len(pictures) != length and (picture := attempt(lambda: next(frames, None))) is not None:
            pictures.append(picture)
            taken += 4 * picture.size
            refuse_beyond(str(file), taken, max_bytes)
        return attempt(lambda: np.stack(pictures))
    # Without an index the first picture of a webp would be all.
    whole: dict[str, Any] = {"index": ..., "plugin": "pillow"}
    size = attempt(lambda: prod(iio.improps(file, **whole).shape))
    refuse_beyond(str(file), 4 * size, max_bytes)
    with file.open("rb") as content:
        head = content.read(25)
    if head.startswith(b"\x89PNG") and head[24:] == b"\x10":  # of 16 bits for each of several colours, Pillow keeps 8
        import tensorflow as tf

        picture = attempt(lambda: tf.io.decode_png(tf.io.read_file(str(file)), dtype="uint16").numpy())
        if picture.shape[-1] > 1:
            return picture[None]
    if file.suffix.lower() == ".gif":  # each of its pictures may have colours of its own
        whole["mode"] = "RGB"
    return attempt(lambda: iio.imread(file, **whole, rotate=True))[:length]
