import subprocess
import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest

import keras_rnn_basics as krb


@pytest.fixture
def ax():
    figure, ax = plt.subplots()
    yield ax
    plt.close(figure)


def test_the_per_step_picture_shows_every_cost_and_their_sum(ax):
    assert krb.plot_per_step_loss(np.array([3.0, 2.0, 1.5]), ax) is ax
    np.testing.assert_array_equal(ax.lines[0].get_xydata(), [[1, 3], [2, 2], [3, 1.5]])
    assert ax.get_legend_handles_labels()[1] == ["$L = \\Sigma_t L_t$ = 6.5"]
    assert ax.get_xlabel() == "time step t"
    assert ax.get_ylim()[0] == 0
    assert ax.get_ylim()[1] > 3


def test_several_curves_are_named(ax):
    krb.plot_per_step_loss({"RNN": np.ones(4), "persistence": 2 * np.ones(4)}, ax)
    labels = ax.get_legend_handles_labels()[1]
    assert [label.split(":")[0] for label in labels] == ["RNN", "persistence"]
    assert labels[1].endswith("= 8")


def test_the_forecast_picture_shows_truth_forecast_and_error(ax):
    _, below = plt.subplots()
    times = np.datetime64("2020-01-01") + np.arange(3)
    krb.plot_forecast(times, np.array([1.0, 2, 3]), np.array([1.5, 2, 2]), ax, "tomorrow (°C)", below)
    labels = ax.get_legend_handles_labels()[1]
    lines = dict(zip(labels, (line.get_ydata() for line in ax.lines)))
    np.testing.assert_array_equal(lines["truth"], [1, 2, 3])
    np.testing.assert_array_equal(lines["forecast"], [1.5, 2, 2])
    assert ax.get_ylabel() == "tomorrow (°C)"
    ends = [segment[1, 1] for segment in below.collections[0].get_segments()]
    np.testing.assert_array_equal(ends, [0.5, 0, -1])
    plt.close(below.figure)


def test_shapes_that_do_not_fit_are_errors(ax):
    with pytest.raises(ValueError, match=r"losses must be \(T,\), got \(2, 3\)"):
        krb.plot_per_step_loss(np.ones((2, 3)), ax)
    with pytest.raises(ValueError, match=r"must be \(N,\) alike"):
        krb.plot_forecast(np.arange(3), np.ones(3), np.ones(2), ax, "")


def test_importing_the_package_imports_no_picture_or_data_library():
    check = (
        "import sys, keras\n"  # which takes scikit-learn where it finds it
        "before = set(sys.modules)\n"
        "import keras_rnn_basics, keras_rnn_basics.datasets\n"
        "print(sorted({'matplotlib', 'pandas', 'sklearn'} & (set(sys.modules) - before)))"
    )
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_an_attention_map_names_the_tokens_of_its_rows_and_columns(ax):
    weights = np.array([[0.9, 0.1, 0.0], [0.2, 0.3, 0.5]])
    krb.plot_attention(weights, ["x", "end"], ["a", " ", "\n"], ax)
    np.testing.assert_array_equal(ax.images[0].get_array(), weights)
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["a", "␣", "↵"]
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["x", "end"]
    with pytest.raises(ValueError, match=r"a row for each of 3 tokens written .* got \(2, 3\)"):
        krb.plot_attention(weights, ["x", "y", "end"], ["a", "b", "c"], ax)
