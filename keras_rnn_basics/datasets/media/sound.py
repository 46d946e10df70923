"""One clip of sound out of a file of any kind that soundfile reads: mono, at the rate that is asked for."""

import re
from math import ceil, gcd
from pathlib import Path

import numpy as np

SHORTEST_SECONDS = 0.1
SOUND = tuple(re.findall(r"\S+", ".wav .flac .mp3 .ogg .oga .opus .aif .aiff .aifc .au .snd .caf .w64 .sph"))
# Float files may go beyond 1 where the sound was too loud, but not so far: those were scaled to 16-bit integers.
LOUDEST = 4.0
FASTEST_HZ = 768_000


def read_clip(file: Path, sample_rate_hz: int, seconds: float) -> np.ndarray:
    """-> (samples,) float32, the channels averaged, at most so many seconds.

    Raises:
        ImportError: if scipy or soundfile is not installed.
        ValueError: for a clip that cannot be read, is empty, silent, shorter than 0.1 s, not finite or not scaled to
            -1 .. 1. Names the file.
    """
    try:
        import soundfile
    except ImportError as error:
        raise ImportError("soundfile reads the clips: pip install 'keras_rnn_basics[examples]'.") from error
    try:
        with soundfile.SoundFile(file) as sound:
            rate_hz = sound.samplerate
            channels = sound.read(ceil(min(seconds * rate_hz, 2**40)), dtype="float32", always_2d=True)
    except (soundfile.SoundFileError, RuntimeError, MemoryError) as error:
        raise ValueError(f"{file} cannot be read as sound ({error}).") from error
    if not 0 < rate_hz <= FASTEST_HZ:
        raise ValueError(f"{file} says that it has {rate_hz:,} samples a second; more than {FASTEST_HZ:,} is no sound.")
    bad = np.flatnonzero(~np.isfinite(channels).all(axis=1))
    if len(bad):
        raise ValueError(f"{file}, at {bad[0] / rate_hz:.3f} s: a sample is not a finite number.")
    if len(channels) < SHORTEST_SECONDS * rate_hz:
        raise ValueError(
            f"{file} lasts {len(channels) / rate_hz:.3f} s; a clip must last at least {SHORTEST_SECONDS} s."
        )
    wave = channels.mean(axis=1)
    if not wave.any():
        raise ValueError(f"{file} is silent in its first {len(wave) / rate_hz:.2f} s.")
    if (loudest := float(np.abs(channels).max())) > LOUDEST:
        raise ValueError(
            f"{file} has a sample of {loudest:.6g}, but sound in floats runs from -1 to 1: it seems to be scaled to "
            "integers. Write it again, divided by 32768."
        )
    return resampled(wave, rate_hz, sample_rate_hz, seconds)


def resampled(wave: np.ndarray, from_hz: int, to_hz: int, seconds: float) -> np.ndarray:
    """(samples,) at one rate -> (samples,) float32 at another, at most so many seconds."""
    from scipy.signal import resample_poly

    common = gcd(from_hz, to_hz)
    wave = wave if from_hz == to_hz else resample_poly(wave, to_hz // common, from_hz // common)
    return wave[: ceil(min(seconds * to_hz, 2**40))].astype("float32")
