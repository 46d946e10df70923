import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "examples"))

from data.pitch import estimate_f0_hz


@pytest.mark.parametrize("f0_hz", [65, 131, 220, 480])
def test_the_pitch_is_heard_under_louder_overtones_and_noise(f0_hz, rng):
    t = np.arange(8000) / 16_000
    wave = sum(a * np.cos(2 * np.pi * k * f0_hz * t + k) for k, a in ((1, 0.3), (2, 0.5), (3, 1.0), (5, 0.4)))
    wave += 0.1 * rng.normal(size=8000)
    assert estimate_f0_hz(wave, 16_000) == pytest.approx(f0_hz, rel=0.02)


def test_a_pitch_needs_two_periods():
    with pytest.raises(ValueError, match=r"A pitch needs 0\.033 s of sound, got 0\.010 s"):
        estimate_f0_hz(np.sin(np.arange(160)), 16_000)
