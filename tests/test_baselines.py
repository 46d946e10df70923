import numpy as np
import pytest

from keras_rnn_basics import baselines


def test_climatology_is_the_mean_of_the_days_around_and_knows_that_the_year_closes():
    days = np.tile(np.arange(1, 366), 2)
    y = np.where(days > 182, 10.0, 0.0)[:, None]
    answers = baselines.climatology(days, y, np.array([100, 250, 1, 182]), half_width=15)
    # Around 1 January: 15 days of the old year at 10, and 16 of the new at 0; around day 182: 16 at 0 and 15 at 10.
    np.testing.assert_allclose(answers[:, 0], [0, 10, 150 / 31, 150 / 31])


def test_climatology_without_a_year_to_learn_from_is_an_error():
    with pytest.raises(ValueError, match="train on a whole year"):
        baselines.climatology(np.arange(1, 50), np.ones((49, 1)), np.array([200]))


def test_ridge_finds_a_linear_rule(rng):
    x = rng.normal(size=(300, 4, 2))
    y = x[:, -1, :1] * 3 - x[:, 0, 1:] + 5
    answers = baselines.ridge(x[:200], y[:200], x[200:250], y[200:250], x[250:])
    np.testing.assert_allclose(answers, y[250:], atol=0.01)


def test_ridge_chooses_a_strong_penalty_where_there_is_only_noise(rng):
    x, y = rng.normal(size=(150, 10, 5)), rng.normal(size=(150, 1))
    answers = baselines.ridge(x[:60], y[:60], x[60:100], y[60:100], x[100:])
    assert answers.std() < 0.3


def test_the_interval_covers_the_true_difference_nine_times_in_ten():
    covered = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        errors, others = rng.normal(1.0, 1, size=200), rng.normal(1.5, 1, size=200)
        _, low, high = baselines.difference(errors, others, block=5, draws=400)
        covered += low <= -0.5 <= high
    assert covered >= 50


def test_neighbours_that_depend_on_each_other_widen_the_interval(rng):
    blocks = np.repeat(rng.normal(size=30), 14)

    def width(block):
        _, low, high = baselines.difference(blocks, np.zeros(420), block=block)
        return high - low

    assert width(14) > 2 * width(1)


def test_errors_of_different_examples_are_not_compared():
    with pytest.raises(ValueError, match="at least two blocks"):
        baselines.difference(np.ones(20), np.ones(20), block=14)
    for others in (np.ones(49), np.ones(1)):
        with pytest.raises(ValueError, match="on the same examples"):
            baselines.difference(np.ones(50), others)


def test_the_table_says_who_wins(rng):
    own = rng.random(200)
    table = baselines.score_table("RNN", own, {"worse": own + 1, "better": own - 0.2, "level": own[::-1]}, "°C")
    verdicts = [line.rsplit("]  ")[-1] for line in table.splitlines()[2:]]
    assert verdicts == ["RNN is better", "RNN loses", "no clear difference"]
