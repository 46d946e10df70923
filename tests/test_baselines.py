from itertools import pairwise, product

import numpy as np
import pytest

from keras_rnn_basics import baselines
from keras_rnn_basics.datasets import Series, walk_forward


def test_a_backtest_asks_every_forecaster_about_every_split(rng):
    days = Series(np.datetime64("2020-01-01") + np.arange(60), rng.normal(size=(60, 1)), ("a",), "a test")
    splits = walk_forward(days, ["2020-01-21", "2020-02-05"], validation_steps=5, lookback=3)
    forecasters = {
        "persistence": lambda split: baselines.persistence(split.test.past_y),
        "mean": lambda split: np.full((len(split.test), 1), split.train.y.mean()),
    }
    answers = baselines.backtest(splits, forecasters)
    np.testing.assert_allclose(answers["persistence"], days.values[19:-1])
    assert len(np.unique(answers["mean"])) == 2
    with pytest.raises(ValueError, match="short has 14 answers to 15 windows"):
        baselines.backtest(splits, {"short": lambda split: np.zeros(len(split.test) - 1)})


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


@pytest.mark.parametrize(("n", "block"), [(60, 14), (56, 14), (101, 1)])
def test_the_interval_is_that_of_blocks_drawn_one_by_one(rng, n, block):
    errors, others = rng.random(n), rng.random(n)
    starts = np.random.default_rng(3).integers(n, size=(500, -(-n // block)))
    drawn = [np.concatenate([(np.arange(block) + start) % n for start in row])[:n] for row in starts]
    means = [(errors - others)[row].mean() for row in drawn]
    _, low, high = baselines.difference(errors, others, block=block, draws=500, seed=3)
    np.testing.assert_allclose([low, high], np.quantile(means, [0.025, 0.975]))


def test_errors_of_different_examples_are_not_compared():
    with pytest.raises(ValueError, match="at least two blocks"):
        baselines.difference(np.ones(20), np.ones(20), block=14)
    for others in (np.ones(49), np.ones(1)):
        with pytest.raises(ValueError, match="on the same examples"):
            baselines.difference(np.ones(50), others)


def test_boosting_finds_a_rule_with_a_threshold_that_no_plane_has(rng):
    x = rng.normal(size=(900, 3, 2))
    y = np.where(x[:, -1, 0] > 0, 5.0, -5.0) + 0.1 * rng.normal(size=900)
    answers = baselines.boosting(x[:500], y[:500], x[500:700], y[500:700], x[700:], trees=40)
    linear = baselines.ridge(x[:500], y[:500, None], x[500:700], y[500:700, None], x[700:])[:, 0]
    assert np.abs(answers - y[700:]).mean() < 0.5 < np.abs(linear - y[700:]).mean()


def test_boosting_stops_early_where_there_is_only_noise(rng):
    x, y = rng.normal(size=(300, 4, 2)), rng.normal(size=300)
    answers = baselines.boosting(x[:150], y[:150], x[150:250], y[150:250], x[250:], trees=100)
    assert answers.std() < 0.4


def test_ewma_is_the_recursion_that_riskmetrics_writes(rng):
    values = rng.random((3, 400))
    state = values[:, 0]
    for column in values[:, 1:].T:
        state = 0.94 * state + 0.06 * column
    np.testing.assert_allclose(baselines.ewma(values, 0.94), state, rtol=1e-6)
    with pytest.raises(ValueError, match="decay must lie between 0 and 1, got 1"):
        baselines.ewma(values, 1)


def test_har_finds_the_weights_of_day_week_and_month(rng):
    past = rng.normal(size=(300, 30))
    y = 2 + 0.5 * past[:, -1] + 0.3 * past[:, -5:].mean(axis=1) - past[:, -22:].mean(axis=1)
    np.testing.assert_allclose(baselines.har(past[:200], y[:200], past[200:]), y[200:], atol=1e-8)
    with pytest.raises(ValueError, match="must reach over 22 steps, got 21"):
        baselines.har(past[:, :21], y, past[:, :21])


def test_har_of_several_columns_weighs_the_means_of_each(rng):
    past = rng.normal(size=(300, 30, 2))
    y = past[:, -1, 0] - past[:, -5:, 1].mean(axis=1)
    np.testing.assert_allclose(baselines.har(past[:200], y[:200], past[200:]), y[200:], atol=1e-8)


def test_boosting_grows_as_many_trees_as_validation_found_best_whatever_the_number_of_windows(rng):
    x = rng.normal(size=(12_000, 1, 1))
    y = np.floor(4 * x[:, 0, 0]) + 0.01 * rng.normal(size=12_000)
    answers = baselines.boosting(x[:11_000], y[:11_000], x[11_000:11_500], y[11_000:11_500], x[11_500:], trees=150)
    assert np.abs(answers - y[11_500:]).mean() < 0.3


def classifier(rng, *shape):
    logits = rng.normal(size=shape, scale=2)
    return logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))


def path_by_path(log_p, rate, prior):
    """(T, n) -> (T, n): p(class in frame t | frames 1 .. t), by adding up all n^t ways that the classes could go."""
    T, n = log_p.shape
    answer = np.zeros((T, n))
    for t in range(1, T + 1):
        for path in product(range(n), repeat=t):
            p = prior[path[0]]
            for before, now in pairwise(path):
                p *= 1 - rate if before == now else rate * prior[now] / (1 - prior[before])
            likelihoods = [np.exp(log_p[k, path[k]]) / prior[path[k]] for k in range(t)]
            answer[t - 1, path[-1]] += p * np.prod(likelihoods)
    return answer / answer.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("rate", [0, 0.1, 0.7, 1])
@pytest.mark.parametrize("prior", [None, [0.6, 0.1, 0.3]])
def test_the_bayes_filter_adds_up_every_way_that_the_classes_could_go(rng, rate, prior):
    log_p = classifier(rng, 4, 5, 3)
    filtered = baselines.bayes_filter(log_p, rate, prior)
    expected = [path_by_path(own, rate, np.full(3, 1 / 3) if prior is None else np.array(prior)) for own in log_p]
    np.testing.assert_allclose(np.exp(filtered), expected, atol=1e-12)


def test_where_every_class_is_as_likely_to_come_next_the_filter_says_what_the_frame_says(rng):
    log_p = classifier(rng, 3, 6, 4)
    np.testing.assert_allclose(baselines.bayes_filter(log_p, switching_rate=0.75), log_p, atol=1e-12)


def test_the_filter_does_not_look_ahead_and_stays_sound_over_long_sequences(rng):
    log_p = classifier(rng, 2, 5000, 3)
    filtered = baselines.bayes_filter(log_p, 0.05)
    np.testing.assert_array_equal(filtered[:, :100], baselines.bayes_filter(log_p[:, :100], 0.05))
    np.testing.assert_allclose(np.exp(filtered).sum(axis=-1), 1)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"log_probabilities": np.zeros((3, 1))}, r"must be \(N, T, n\) with n of at least 2 classes, got \(3, 1\)"),
        ({"log_probabilities": np.zeros((1, 3, 1))}, r"got \(1, 3, 1\)"),
        ({"log_probabilities": np.zeros((1, 0, 2))}, r"got \(1, 0, 2\)"),
        ({"log_probabilities": np.full((1, 3, 2), 0.5)}, "logs of probabilities that sum to one"),
        ({"log_probabilities": np.full((1, 3, 2), np.nan)}, "logs of probabilities that sum to one"),
        ({"switching_rate": 1.5}, "switching_rate must be a number from 0 to 1, got 1.5"),
        ({"switching_rate": float("nan")}, "switching_rate must be a number from 0 to 1, got nan"),
        ({"switching_rate": None}, "switching_rate must be a number from 0 to 1, got None"),
        ({"prior": [1.0]}, "prior must be 2 positive numbers"),
        ({"prior": [0.0, 1.0]}, "prior must be 2 positive numbers"),
    ],
)
def test_the_filter_says_what_does_not_fit(changed, message):
    fitting = {"log_probabilities": np.log(np.full((1, 3, 2), 0.5)), "switching_rate": 0.1}
    with pytest.raises(ValueError, match=message):
        baselines.bayes_filter(**{**fitting, **changed})
