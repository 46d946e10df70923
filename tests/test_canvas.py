from functools import cache
from itertools import combinations
from xml.etree import ElementTree

import matplotlib.pyplot as plt
import numpy as np
import pytest
from everyday import cases

import keras_rnn_basics as krb
from keras_rnn_basics.pictures import canvas


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def many_to_many(units=8, bidirectional=False, **more):
    return krb.build_many_to_many((6,), units, 4, bidirectional=bidirectional, **more)


def named(model, name):
    """The same network under a long name, and so its layers."""
    model.name = name
    for layer in model.layers:
        layer.name = f"{name}_{layer.name}"
    return model


LONG = "a_network_whose_name_goes_on_and_on_for_$ever$_and_a_day_and_then_some"
MODELS = {
    "one layer": many_to_many,
    "three layers": lambda: many_to_many([1024, 128, 16], output_activation="softmax"),
    "bidirectional": lambda: many_to_many(8, True),
    "two bidirectional layers": lambda: many_to_many([128, 16], True, output_activation="softmax"),
    "long names": lambda: named(many_to_many([8, 8], True), LONG),
    "images": lambda: krb.build_many_to_one((16, 16), [8, 4], 1, output_activation="sigmoid"),
    "many to one, bidirectional": lambda: krb.build_many_to_one((6,), 8, 1, bidirectional=True),
    "words": lambda: krb.build_one_to_many(50000, [64], embedding_size=8),
    "one to one": lambda: named(krb.build_one_to_one((8, 8), [8, 8, 8], 10), LONG),
    "encoder and decoder": lambda: krb.build_encoder_decoder(40, 50, [8, 8]),
    "attention": lambda: krb.build_encoder_decoder(50000, 50000, 8, attention=True, embedding_size=4),
}
MODELS = {name: cache(build) for name, build in MODELS.items()}


def check_legible(ax):
    """No label lies over another, leaves the figure, or crosses the border of the box it stands in."""
    figure = ax.figure
    figure.canvas.draw()
    labels = [(text.get_text(), text.get_window_extent()) for text in ax.texts if text.get_text().strip()]
    boxes = [patch.get_window_extent() for patch in ax.patches if str(patch.get_gid()).startswith(BOXES)]
    assert len(labels) > 3
    assert len(boxes) > 3
    for (one, a), (other, b) in combinations(labels, 2):
        assert overlap(a, b) <= PIXEL, f"{one!r} lies over {other!r}"
    for text, extent in labels:
        assert leaves(extent, figure.bbox) <= PIXEL, f"{text!r} leaves the figure"
        for box in boxes:
            assert min(overlap(extent, box), leaves(extent, box)) <= PIXEL, f"{text!r} crosses the border of a box"


def overlap(a, b):
    """How many pixels two rectangles would have to be moved to part."""
    return min(min(a.x1, b.x1) - max(a.x0, b.x0), min(a.y1, b.y1) - max(a.y0, b.y0))


def leaves(a, b):
    """How many pixels of the one lie outside the other, to one side."""
    return max(b.x0 - a.x0, b.y0 - a.y0, a.x1 - b.x1, a.y1 - b.y1)


PIXEL = 1.5  # what rounding to whole pixels moves
BOXES = ("weight-", "cell-", "x-", "y-", "begin-", "bar-", "L", "look-", "value-", "merge-", "g", "h", "sum", "state-")


def test_the_check_of_legibility_sees_what_is_wrong():
    def drawn(*texts):
        drawing = canvas.Drawing()
        for number in range(4):
            drawing.box(60 * number, 0, 50, 20, "box", gid=f"x-{number}")
        for text in texts:
            drawing.text(*text)
        return drawing.show()

    check_legible(drawn((90, 40, "above"), (150, 40, "beside it")))
    with pytest.raises(AssertionError, match="crosses the border of a box"):
        check_legible(drawn((30, 12, "between two boxes")))
    with pytest.raises(AssertionError, match="'above' lies over 'above'"):
        check_legible(drawn((90, 40, "above"), (92, 44, "above")))
    ax = drawn()
    ax.set_xlim(0, 100)
    with pytest.raises(AssertionError, match="'box' leaves the figure"):
        check_legible(ax)


@pytest.mark.parametrize(
    ("name", "steps"),
    cases(
        [*((name, 50) for name in MODELS), *(("one layer", T) for T in (None, 1, 3, 5))],
        [
            *((name, 50) for name in ("two bidirectional layers", "words", "encoder and decoder")),
            *(("one layer", T) for T in (None, 1, 3, 5)),
        ],
    ),
)
def test_no_label_of_an_unrolled_model_lies_over_another(name, steps):
    check_legible(krb.plot_unrolled(MODELS[name](), steps))


@pytest.mark.parametrize("steps", [None, 1, 3])
def test_no_label_of_a_bidirectional_model_lies_over_another(steps):
    check_legible(krb.plot_unrolled(MODELS["bidirectional"](), steps))


@pytest.mark.parametrize(
    "name",
    cases(
        ["one layer", "bidirectional", "long names", "images", "attention"], ["one layer", "long names", "attention"]
    ),
)
def test_no_label_of_backpropagation_lies_over_another(name):
    check_legible(krb.plot_backpropagation(MODELS[name]()))


@pytest.mark.parametrize("name", ["three layers", "long names", "one to one", "words", "attention"])
def test_no_label_of_an_architecture_lies_over_another(name):
    check_legible(krb.plot_architecture(MODELS[name]()))


def test_no_label_of_the_five_architectures_lies_over_another():
    check_legible(krb.plot_architectures())


@pytest.mark.parametrize(
    ("n_x", "n_a", "n_y"), [(1, 1, None), (50000, 8, None), (8, 32, 50000), (8, 1024, 1), (1, 1, 1)]
)
def test_no_label_of_a_cell_lies_over_another(n_x, n_a, n_y):
    output_activation = "log_softmax" if n_y else None
    zeros = {"W_aa": "zeros"}  # an orthogonal matrix of this size takes its time
    cell = krb.BasicRNNCell(n_a, n_y, "hard_sigmoid", output_activation, 0.1, initializers=zeros, name=LONG)
    cell.build((None, n_x))
    check_legible(krb.plot_cell(cell))


@pytest.mark.parametrize(
    ("width", "height", "dpi"), cases([(3, 2, 50), (3, 6, 300), (20, 5, 100)], [(3, 2, 50), (20, 5, 100)])
)
def test_a_drawing_fits_any_axes_at_any_size(width, height, dpi):
    _, axes = plt.subplots(1, 2, figsize=(width, height), dpi=dpi, layout="constrained")
    model = many_to_many([8, 8])
    assert krb.plot_unrolled(model, 50, ax=axes[0]) is axes[0]
    krb.plot_cell(model.get_layer("rnn_2").cell, axes[1])
    for ax in axes:
        check_legible(ax)
        assert max(leaves(text.get_window_extent(), ax.get_window_extent()) for text in ax.texts) <= PIXEL


@pytest.mark.parametrize("draw", [lambda: krb.plot_unrolled(many_to_many(), 3), krb.plot_architectures])
def test_a_saved_picture_is_an_opaque_light_card(draw, tmp_path):
    figure = draw().figure
    figure.savefig(tmp_path / "picture.png")
    figure.savefig(tmp_path / "picture.svg")
    pixels = plt.imread(tmp_path / "picture.png")
    corners = pixels[[0, 0, -1, -1], [0, -1, 0, -1]]
    assert (corners[:, 3] == 1).all()
    assert (corners[:, :3] > 0.95).all()
    svg = (tmp_path / "picture.svg").read_text()
    assert canvas.CARD in svg
    assert ElementTree.fromstring(svg).tag.endswith("svg")


# What a colour looks like without one kind of cone, in linear RGB: Machado, Oliveira and Fernandes, "A physiologically-
# based model for simulation of color vision deficiency" (2009), severity 1.
EYES = {
    "full": np.eye(3),
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def linear(colour):
    rgb = np.array(plt.matplotlib.colors.to_rgb(colour))
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def lab(rgb):
    to_xyz = [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
    xyz = np.array(to_xyz) @ np.clip(rgb, 0, 1) / [0.95047, 1.0, 1.08883]
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("eyes", EYES)
def test_the_colours_are_told_apart_with_any_colour_vision(eyes):
    palette = (canvas.INPUT, canvas.RECURRENT, canvas.OUTPUT, canvas.ERROR)
    seen = [lab(np.array(EYES[eyes]) @ linear(colour)) for colour in palette]
    assert min(np.linalg.norm(a - b) for a, b in combinations(seen, 2)) > 15


@pytest.mark.parametrize("colour", [canvas.INPUT, canvas.RECURRENT, canvas.OUTPUT, canvas.ERROR, canvas.FAINT])
def test_every_colour_is_legible_on_the_card_and_carries_white_letters(colour):
    """The contrast ratio that WCAG 2.2 asks of text, 4.5 to 1."""
    light, dark = (float(linear(c) @ [0.2126, 0.7152, 0.0722]) for c in (canvas.CARD, colour))
    assert (light + 0.05) / (dark + 0.05) > 4.5
