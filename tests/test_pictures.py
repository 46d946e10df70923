from itertools import pairwise
from types import SimpleNamespace

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


def test_costs_of_the_sequences_that_still_run_have_no_sum(ax):
    krb.plot_per_step_loss({"RNN": np.array([3.0, 2.0, np.nan])}, ax, mean_over="running")
    assert ax.get_legend_handles_labels()[1] == ["RNN: mean of those that still run"]
    with pytest.raises(ValueError, match="mean_over must be 'batch' or 'running', got 'time'"):
        krb.plot_per_step_loss(np.ones(3), ax, mean_over="time")


def test_the_forecast_picture_shows_truth_forecast_and_error(ax):
    _, below = plt.subplots()
    times = np.datetime64("2020-01-01") + np.arange(3)
    krb.plot_forecast(times, np.array([1.0, 2, 3]), np.array([1.5, 2, 2]), ax, "tomorrow (°C)", below)
    labels = ax.get_legend_handles_labels()[1]
    lines = dict(zip(labels, (line.get_ydata() for line in ax.lines)))
    np.testing.assert_array_equal(lines["truth"], [1, 2, 3])
    np.testing.assert_array_equal(lines["forecast"], [1.5, 2, 2])
    assert (ax.get_ylabel(), below.get_ylabel()) == ("tomorrow (°C)", "error (°C)")
    ends = [segment[1, 1] for segment in below.collections[0].get_segments()]
    np.testing.assert_array_equal(ends, [0.5, 0, -1])
    plt.close(below.figure)


def test_shapes_that_do_not_fit_are_errors(ax):
    with pytest.raises(ValueError, match=r"losses must be \(T,\), got \(2, 3\)"):
        krb.plot_per_step_loss(np.ones((2, 3)), ax)
    with pytest.raises(ValueError, match=r"must be \(N,\) alike"):
        krb.plot_forecast(np.arange(3), np.ones(3), np.ones(2), ax, "")


def test_an_attention_map_names_the_tokens_of_its_rows_and_columns(ax):
    weights = np.array([[0.9, 0.1, 0.0], [0.2, 0.3, 0.5]])
    krb.plot_attention(weights, ["x", "end"], ["a", " ", "\n"], ax)
    np.testing.assert_array_equal(ax.images[0].get_array(), weights)
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["a", "␣", "↵"]
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["x", "end"]
    with pytest.raises(ValueError, match=r"a row for each of 3 tokens written .* got \(2, 3\)"):
        krb.plot_attention(weights, ["x", "y", "end"], ["a", "b", "c"], ax)


HISTORY = {"loss": [3.0, 2.0, 1.0, 0.9], "val_loss": [3.5, float("nan"), 2.5, 2.6]}


@pytest.mark.parametrize("held", [dict, lambda curves: SimpleNamespace(history=curves)])
def test_training_curves_show_both_losses_and_the_best_epoch(ax, held):
    assert krb.plot_training(held(HISTORY), ax, "absolute error (°C)") is ax
    curves = dict(zip(ax.get_legend_handles_labels()[1], (line.get_xydata() for line in ax.lines)))
    np.testing.assert_array_equal(curves["training"], [[1, 3], [2, 2], [3, 1], [4, 0.9]])
    np.testing.assert_array_equal(curves["validation"][:, 1], HISTORY["val_loss"])
    np.testing.assert_array_equal(curves["best: epoch 3, 2.5"], [[3, 2.5]])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("epoch", "absolute error (°C)")


def test_without_validation_the_best_epoch_is_that_of_the_training_loss(ax):
    krb.plot_training({"loss": [3.0, 1.0, 2.0]}, ax)
    assert ax.get_legend_handles_labels()[1] == ["training", "best: epoch 2, 1"]
    for wrong in ({}, {"val_loss": [1.0]}, {"loss": []}, None):
        with pytest.raises(ValueError, match="history must hold the 'loss' of at least one epoch"):
            krb.plot_training(wrong, ax)


def test_a_gradient_flow_hides_what_cannot_be_and_names_the_spectral_radius(ax):
    norms = np.array([[1.0, 0, 0], [1e-3, 2, 0], [0, 1e-9, 4]])
    assert krb.plot_gradient_flow(norms, ax, radius=0.875) is ax
    [image] = ax.images
    shown = image.get_array()
    np.testing.assert_array_equal(np.ma.getmaskarray(shown), np.triu(np.ones((3, 3), bool), 1))
    np.testing.assert_allclose(np.diag(shown), [1, 2, 4])
    np.testing.assert_allclose(shown[1, 0], 1e-3)
    np.testing.assert_allclose(shown[2, :2].data, 4e-6)  # a millionth of the largest is the least
    assert image.get_extent() == [0.5, 3.5, 3.5, 0.5]  # so that t and k are read from 1
    assert "0.875" in ax.get_title()
    for wrong in (np.ones((2, 3)), np.ones(3), np.zeros((2, 2)), np.full((2, 2), np.nan)):
        with pytest.raises(ValueError, match=r"norms must be \(T, T\) with positive numbers"):
            krb.plot_gradient_flow(wrong, ax)


def test_gradient_flows_in_one_figure_share_one_colour_scale_and_one_colour_bar():
    figure, axes = plt.subplots(1, 3, layout="constrained")
    back = np.subtract.outer(np.arange(9), np.arange(9))
    for ax, factor in zip(axes, (0.5, 1.0, 2.0)):
        krb.plot_gradient_flow(np.tril(factor ** np.maximum(back, 0)), ax, factor)
    images = [ax.images[0] for ax in axes]
    assert {image.get_clim() for image in images} == {(1e-6, 256.0)}
    # What is as long has the same colour, in whichever of them, and what grew another than what faded.
    colours = [[tuple(image.to_rgba(length)) for length in (1 / 256, 1.0, 256.0)] for image in images]
    assert colours[0] == colours[1] == colours[2]
    assert len(set(colours[0])) == 3
    assert len(figure.axes) == 4
    figure.canvas.draw()
    plt.close(figure)


def test_activations_have_a_column_for_each_character(ax, rng):
    a = np.tanh(rng.normal(size=(5, 3)))
    assert krb.plot_activations(a, "a b\n$", ax, "character") is ax
    np.testing.assert_array_equal(ax.images[0].get_array(), a.T)
    assert ax.images[0].get_clim() == (-1, 1)
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["a", "␣", "b", "↵", r"\$"]
    with pytest.raises(ValueError, match=r"a row for each of 4 labels, got \(5, 3\)"):
        krb.plot_activations(a, "abcd", ax)


@pytest.mark.parametrize("layout", [None, "constrained"])
@pytest.mark.parametrize("T", [24, 400])
@pytest.mark.parametrize("times", [True, False])
def test_labels_of_activations_do_not_lie_over_each_other(T, times, layout, rng):
    figure, ax = plt.subplots(figsize=(6, 4), layout=layout)
    hours = np.datetime64("2013-01-01T00") + np.arange(T)
    krb.plot_activations(rng.random((T, 3)), hours if times else "w" * T, ax)
    figure.canvas.draw()
    labels = ax.get_xticklabels()
    extents = [label.get_window_extent() for label in labels]
    assert all(left.x1 <= right.x0 + 1 for left, right in pairwise(extents))
    assert labels[1].get_text() == str(hours[ax.get_xticks()[1]]) if times else "w"
    plt.close(figure)
