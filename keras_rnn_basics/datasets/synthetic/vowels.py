"""A synthetic voice: glottal pulses at F0 pass through resonators at the formants. Nothing is recorded.

    pulses at F0  ->  spectral tilt, a breath of noise  ->  resonators at F1, F2, F3, F4  ->  a vowel

Source: Klatt, "Software for a cascade/parallel formant synthesizer", JASA 67 (1980), for the cascade and its
resonators; the bandwidths are close to Klatt's.
"""

from dataclasses import dataclass
from importlib.resources import as_file, files

import numpy as np

SAMPLE_RATE_HZ = 10_000
SHORTEST_SECONDS, LONGEST_SECONDS = 0.3, 0.5
# These are the same for every voice, so that speakers differ only in their measured F0 to F3.
F4_HZ = 4200.0
BANDWIDTHS_HZ = (60.0, 90.0, 150.0, 250.0)
TILT_HZ, BREATH, JITTER, SHIMMER, FALL = 200.0, 0.01, 0.005, 0.05, 0.15


@dataclass(frozen=True)
class Measured:
    """The measurements of N vowels.

    Attributes:
        speakers: (N,) numbers from 1.
        sexes: (N,), "man" or "woman".
        vowels: (N,), the vowel in two letters: "iy" as in heed, "uw" as in who'd.
        f0_hz: (N,), the fundamental frequency.
        formants_hz: (N, 3), F1, F2 and F3.
    """

    speakers: np.ndarray
    sexes: np.ndarray
    vowels: np.ndarray
    f0_hz: np.ndarray
    formants_hz: np.ndarray


def peterson_barney() -> Measured:
    """Ten vowels, each said twice by 33 men and 28 women, as measured by Peterson and Barney in 1952.

    >>> measured = peterson_barney()
    >>> len(measured.f0_hz), len(set(measured.speakers)), measured.f0_hz[0], measured.formants_hz[0]
    (1220, 61, np.float64(160.0), array([ 240., 2280., 2850.]))
    """
    with as_file(files("keras_rnn_basics.datasets") / "data" / "peterson_barney.csv.gz") as path:
        rows = np.genfromtxt(path, delimiter=",", names=True, dtype=None, encoding="utf-8")
    formants_hz = np.stack([rows[f"f{k}_hz"] for k in (1, 2, 3)], axis=1)
    f0_hz = rows["f0_hz"].astype(float)
    return Measured(rows["speaker"], rows["sex"], rows["vowel"], f0_hz, formants_hz.astype(float))


def say(f0_hz: float, formants_hz: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One vowel: (samples,) float32 at 10,000 Hz, 0.3 to 0.5 s, its loudest sample at 0.5.

    The pitch falls by 15 % during the clip and is `f0_hz` in the middle. Cycles differ a little in length (jitter) and
    in amplitude (shimmer).

    Args:
        f0_hz: the fundamental frequency.
        formants_hz: (3,), F1, F2 and F3; F4 is 4,200 Hz for everyone.
        rng: the generator from which the length, the jitter, the shimmer and the noise are drawn.

    >>> wave = say(100.0, np.array([500.0, 1500.0, 2500.0]), np.random.default_rng(0))
    >>> wave.dtype, 3000 <= len(wave) <= 5000, float(abs(wave).max())
    (dtype('float32'), True, 0.5)
    """
    from scipy.signal import lfilter, sosfilt

    n = int(rng.uniform(SHORTEST_SECONDS, LONGEST_SECONDS) * SAMPLE_RATE_HZ)
    fall = 1 + FALL * (0.5 - np.arange(n) / n)
    # A pulse stands at the end of each cycle. This is usually between two samples, which share the pulse.
    cycles = np.cumsum(f0_hz * fall) / SAMPLE_RATE_HZ
    whole = np.arange(1, int(cycles[-1]))
    places = np.interp(whole + JITTER * rng.standard_normal(len(whole)), cycles, np.arange(n))
    heights = 1 + SHIMMER * rng.standard_normal(len(whole))
    before = np.minimum(places.astype(int), n - 2)
    pulses = np.zeros(n)
    np.add.at(pulses, before, heights * (1 - (places - before)))
    np.add.at(pulses, before + 1, heights * (places - before))
    # The glottis lowers the spectrum by 12 dB per octave and the lips raise it by 6: one pole remains.
    pole = np.exp(-2 * np.pi * TILT_HZ / SAMPLE_RATE_HZ)
    source = lfilter([1 - pole], [1, -pole], pulses) + BREATH * pulses.std() * rng.standard_normal(n)
    wave = sosfilt([_resonator(f, b) for f, b in zip((*formants_hz, F4_HZ), BANDWIDTHS_HZ)], source)
    edge = SAMPLE_RATE_HZ // 50
    wave *= np.minimum(1, np.minimum(np.arange(1, n + 1), np.arange(n, 0, -1)) / edge)
    return (0.5 / np.abs(wave).max() * wave).astype("float32")


def _resonator(f_hz, bandwidth_hz):
    """One second-order section y_n = A x_n + B y_{n-1} + C y_{n-2} with gain 1 at 0 Hz (Klatt, equation 2)."""
    C = -np.exp(-2 * np.pi * bandwidth_hz / SAMPLE_RATE_HZ)
    B = 2 * np.exp(-np.pi * bandwidth_hz / SAMPLE_RATE_HZ) * np.cos(2 * np.pi * f_hz / SAMPLE_RATE_HZ)
    return [1 - B - C, 0, 0, 1, -B, -C]
