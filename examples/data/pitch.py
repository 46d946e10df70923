"""The pitch of a voice, as it is heard in a clip."""

import numpy as np

from keras_rnn_basics.datasets.voices import Clips

LOWEST_HZ, HIGHEST_HZ = 60.0, 500.0


def pitch_hz(clips: Clips) -> np.ndarray:
    """(N,): the pitch of each clip as the synthesiser spoke it, and of your own clips as it is heard."""
    if clips.spoken is not None:
        return clips.spoken.f0_hz
    each = zip(clips.waves, clips.lengths)
    return np.array([estimate_f0_hz(wave[:length], clips.sample_rate_hz) for wave, length in each])


def estimate_f0_hz(wave: np.ndarray, sample_rate_hz: int) -> float:
    """(samples,) -> the pitch between 60 and 500 Hz: the median over the most periodic frames of 50 ms.

    In each frame the period is the lag with the highest autocorrelation, after division by the autocorrelation of the
    window (Boersma, "Accurate short-term analysis of the fundamental frequency", 1993).

    Raises:
        ValueError: for less than two periods of 60 Hz.

    >>> f0_hz = estimate_f0_hz(np.sin(2 * np.pi * 200 * np.arange(5000) / 10_000), 10_000)
    >>> round(f0_hz)
    200
    """
    if len(wave) < 2 * sample_rate_hz / LOWEST_HZ:
        raise ValueError(f"A pitch needs {2 / LOWEST_HZ:.3f} s of sound, got {len(wave) / sample_rate_hz:.3f} s.")
    size = min(int(0.05 * sample_rate_hz), len(wave))
    frames = np.lib.stride_tricks.sliding_window_view(wave, size)[:: size // 2]
    window = np.hanning(size + 2)[1:-1]
    fft = 2 ** int(np.ceil(np.log2(2 * size)))

    def autocorrelation(x):
        return np.fft.irfft(np.abs(np.fft.rfft(x, fft)) ** 2)[..., :size]

    r = autocorrelation((frames - frames.mean(axis=1, keepdims=True)) * window)
    repeats = r / np.maximum(r[:, :1], 1e-12) / (autocorrelation(window) / (window**2).sum())
    lags = np.arange(int(sample_rate_hz / HIGHEST_HZ), int(sample_rate_hz / LOWEST_HZ) + 1)
    repeats = repeats[:, lags]
    # Twice the period repeats equally well. So the shortest lag that is nearly as good as the best one is taken.
    near = repeats >= 0.95 * repeats.max(axis=1, keepdims=True)
    first = near.argmax(axis=1)
    # From there, go up to the top of that peak.
    best = np.array([at + np.argmax(np.diff(row[at:], append=-np.inf) < 0) for at, row in zip(first, repeats)])
    strength = repeats[np.arange(len(best)), best] * np.sqrt(r[:, 0])
    return float(sample_rate_hz / np.median(lags[best][strength >= 0.5 * strength.max()]))
