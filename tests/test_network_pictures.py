from functools import cache
from typing import NamedTuple

import keras
import matplotlib.pyplot as plt
import numpy as np
import pytest
from keras import ops

import keras_rnn_basics as krb
from keras_rnn_basics.architectures.anatomy import read
from keras_rnn_basics.architectures.built import Architecture
from keras_rnn_basics.cell import Weight
from keras_rnn_basics.pictures import canvas


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@cache
def many_to_many(units=8, bidirectional=False, **more):
    return krb.build_many_to_many((6,), units, 4, bidirectional=bidirectional, **more)


class LayerNormCell(krb.BasicRNNCell):
    """a_t = g(γ (s_t - mean) / deviation + β) with s_t = z_t + a_{t-1} W_aa."""

    def declare_weights(self, n_x):
        n_a = self.units
        return {**super().declare_weights(n_x), "gamma": Weight((n_a,), "ones"), "beta": Weight((n_a,), "zeros")}

    def advance(self, z_t, states):
        s = z_t + ops.matmul(states[0], self.W_aa)
        centred = s - ops.mean(s, -1, keepdims=True)
        return [self.activation(self.gamma * centred / ops.sqrt(ops.var(s, -1, keepdims=True) + 1e-3) + self.beta)]

    @property
    def equations(self):
        return [r"a_t = g(\gamma \hat{s}_t + \beta)", r"\hat{y}_t = h(a_t W_{ya} + b_y)"]


class HalvingCell(LayerNormCell):
    """What its parent says of advance does not hold of it."""

    def advance(self, z_t, states):
        return [0.5 * states[0] + z_t]


def of(layer, *above, n_x=3):
    """A model of a layer, and what stands above it, over sequences (B, T, n_x)."""
    x = keras.Input((None, n_x), name="x")
    y = layer(x)
    for one in above:
        y = one(y)
    return keras.Model(x, y)


def rnn(cell):
    return krb.BasicRNN(cell, return_sequences=True, name="rnn")


def test_an_operation_stands_in_the_row_and_says_what_it_is():
    ax = krb.plot_unrolled(of(rnn(krb.BasicRNNCell(4, 2)), lambda y: 2.0 * y), 3)
    assert any(text.endswith(": Multiply(2.0, ·), (B, 2)") for text in texts(ax))
    assert len(gids(ax, "y-")) == 3
    assert any(text.startswith("many to many") for text in texts(ax))


def test_the_weights_of_any_cell_stand_where_they_act():
    ax = krb.plot_unrolled(of(rnn(LayerNormCell(4, 2))), 3)
    where = {"W_ax": canvas.INPUT, "b_a": canvas.INPUT, "b_x": canvas.INPUT, "W_aa": canvas.RECURRENT}
    where |= {"gamma": canvas.RECURRENT, "beta": canvas.RECURRENT, "W_ya": canvas.OUTPUT, "b_y": canvas.OUTPUT}
    assert len(gids(ax, "weight-")) == len(where)
    for name, colour in where.items():
        [box] = gids(ax, f"weight-{name}-rnn")
        assert plt.matplotlib.colors.to_hex(box.get_facecolor()) == colour
        # On one line with its box, and in its colour, are the three places that use it.
        [rail] = [line for line in gids(ax, "rail-") if line.get_color() == colour]
        assert rail.get_ydata()[0] == pytest.approx(box.get_y() + 0.5 * box.get_height())
        assert len(gids(ax, rail.get_gid().replace("rail", "use"))) == 3
    assert {r"$\gamma$ (4,)", "rnn", "$n_a$ = 4, LayerNormCell"} <= set(texts(ax))


@pytest.mark.parametrize(
    ("layer", "names"),
    [
        (keras.layers.SimpleRNN, ("kernel", "recurrent_kernel", "bias")),
        (keras.layers.GRU, ("kernel", "recurrent_kernel", "bias")),
        (keras.layers.LSTM, ("kernel", "recurrent_kernel", "bias")),
    ],
)
def test_a_layer_of_keras_is_drawn_with_its_own_weights(layer, names):
    model = of(layer(4, return_sequences=True, name="layer"), keras.layers.Dense(2))
    ax = krb.plot_unrolled(model, 3)
    cell = krb.plot_cell(model.get_layer("layer").cell)
    for name in names:
        assert len(gids(ax, f"weight-{name}-layer")) == len(gids(cell, f"weight-{name}")) == 1
    assert len(gids(cell, "part-")) == 1
    assert len(gids(cell, "value-a_t")) == len(gids(cell, "value-a_{t-1}")) == (2 if layer is keras.layers.LSTM else 1)


def test_a_cell_is_drawn_with_the_equations_that_hold_of_it_and_never_with_others():
    plain, normed, halving = (krb.BasicRNNCell(4, 2), LayerNormCell(4, 2), HalvingCell(4, 2))
    for cell in (plain, normed, halving):
        cell.build((None, 3))
    assert {f"${line}$" for line in plain.equations} <= set(texts(krb.plot_cell(plain)))
    ax = krb.plot_cell(normed)
    assert {f"${line}$" for line in normed.equations} <= set(texts(ax))
    assert [box.get_gid() for box in gids(ax, "part-")] == ["part-project", "part-advance", "part-readout"]
    assert {"$W_{ax}$ (3, 4)", r"$\gamma$ (4,)", "$z_t$ (B, 4)", "(B, 3)", "(B, 2)"} <= set(texts(ax))
    shown = texts(krb.plot_cell(halving))
    assert "the class HalvingCell says no equations" in shown
    assert not any("a_t = g" in text for text in shown)


def test_encoder_and_decoder_are_known_by_what_a_builder_wrote_or_by_the_graph():
    model = krb.build_encoder_decoder(9, 9, 4)
    shown = texts(krb.plot_unrolled(model, 2))
    for name, shape in {"W_{ax}": "(64, 4)", "W_{aa}": "(4, 4)", "b_{a}": "(4,)", "b_{x}": "(4,)"}.items():
        assert [text for text in shown if text.startswith(f"${name}^") and text.endswith(shape)] == [
            f"${name}^{{\\mathrm{{{owner}}}}}$ {shape}" for owner in ("enc", "dec")
        ]
    assert "The encoder (enc) and the decoder (dec) have a cell, and so weights, of their own." in shown
    assert any(
        r"the same weights at every step; only in the last one the encoder and the" in text
        for text in texts(krb.plot_architectures())
    )
    reads, writes = (model.get_layer(name) for name in ("encoder", "decoder"))
    x, y_in = (keras.Input((None,), dtype="int32") for _ in range(2))
    again = keras.Model([x, y_in], writes([y_in, reads(x)]), name="of_mine")
    assert read(again).kind == "encoder_decoder"


def test_the_kind_is_what_a_builder_wrote():
    class Architecture(NamedTuple):
        kind: str
        encoder: str | None = None
        decoder: str | None = None

    class Built(keras.Model):
        architecture = Architecture("one_to_many")

    x = keras.Input((None, 3))
    model = Built(x, rnn(krb.BasicRNNCell(4, 2))(x))
    assert any(text.startswith("one to many") for text in texts(krb.plot_architecture(model)))


def test_a_model_within_a_model_is_drawn_with_its_layers():
    inner = of(rnn(krb.BasicRNNCell(4)), keras.layers.Dropout(0.1, name="drop"))
    inner.name = "inner"
    ax = krb.plot_unrolled(of(inner, keras.Sequential([keras.layers.GRU(5, name="top")], name="outer")), 3)
    assert {"inner/rnn", "outer/top", "inner/drop: Dropout, (B, 4)"} <= set(texts(ax))
    assert len(gids(ax, "weight-W_aa-inner/rnn")) == len(gids(ax, "weight-kernel-outer/top")) == 1


def gids(ax, beginning):
    artists = [*ax.patches, *ax.lines]
    return [artist for artist in artists if str(artist.get_gid()).startswith(beginning)]


def texts(ax):
    return [text.get_text() for text in ax.texts]


@pytest.mark.parametrize(("steps", "drawn"), [(1, 1), (3, 3), (5, 5), (50, 4), (None, 3)])
def test_each_weight_is_one_box_that_leads_to_every_step_drawn(steps, drawn):
    ax = krb.plot_unrolled(many_to_many(), steps)
    gap = drawn != steps  # the line into the gap and the one out of it are two
    acting = {"project": ("W_ax", "b_a", "b_x"), "advance": ("W_aa",), "readout": ("W_ya", "b_y")}
    assert len(gids(ax, "weight-")) == 6
    for part, colour in (("project", canvas.INPUT), ("advance", canvas.RECURRENT), ("readout", canvas.OUTPUT)):
        boxes = [box for name in acting[part] for box in gids(ax, f"weight-{name}-")]
        [rail] = gids(ax, f"rail-{part}")
        uses = gids(ax, f"use-{part}")
        assert len(boxes) == len(acting[part])
        assert len(uses) == drawn + (gap and part == "advance")
        colours = {plt.matplotlib.colors.to_hex(artist.get_facecolor()) for artist in (*boxes, *uses)}
        assert colours == {colour} == {plt.matplotlib.colors.to_hex(rail.get_color())}
        # The line begins at the last of its boxes and passes through, or over, every use.
        begin, end = rail.get_xdata()
        assert max(box.get_x() + box.get_width() for box in boxes) == pytest.approx(begin)
        assert max(use.get_center()[0] for use in uses) <= end + 1


def test_a_weight_that_acts_in_two_parts_of_the_step_has_one_box_and_is_named_again():
    class Tied(krb.RecurrentCell):
        def declare_weights(self, n_x):
            return {"W": Weight((n_x, self.units))}

        def project(self, x):
            return ops.matmul(x, self.W)

        def advance(self, z_t, states):
            return [z_t + 0.5 * states[0]]

        def readout(self, states):
            return ops.matmul(states[0], ops.transpose(self.W))

    ax = krb.plot_unrolled(of(rnn(Tied(4, 3))), 3)
    assert len(gids(ax, "weight-")) == len(gids(ax, "again-W-")) == 1
    assert len(gids(ax, "use-project-")) == len(gids(ax, "use-readout-")) == 3


def test_a_learned_a_0_points_at_where_the_sequence_begins():
    ax = krb.plot_unrolled(of(rnn(krb.BasicRNNCell(4, learned_initial_state=True))), 3)
    [use], [begin] = gids(ax, "use-begin"), gids(ax, "begin-a-rnn")
    assert len(gids(ax, "weight-a_0")) == 1
    assert use.get_center()[0] == pytest.approx(begin.get_x() + 0.5 * begin.get_width())


def test_an_unrolled_model_shows_every_step_and_its_own_sizes():
    model = krb.build_many_to_many((6,), [32, 16], 4, output_activation="softmax")
    ax = krb.plot_unrolled(model, 3)
    for number, layer in enumerate(("rnn_1", "rnn_2"), start=1):
        cell = model.get_layer(layer).cell
        for name in cell.weight_names:
            letter, letters = name.split("_")
            assert f"${letter}_{{{letters}}}^{{[{number}]}}$ {tuple(getattr(cell, name).shape)}" in texts(ax)
        for t in range(4):
            assert f"$a_{{{t}}}^{{[{number}]}}$" in texts(ax)
        assert len(gids(ax, f"arrow-advance-{layer}")) == 3
        assert len(gids(ax, f"cell-a-{layer}")) == 3
    for t in (1, 2, 3):
        assert f"$x_{{{t}}}$" in texts(ax)
        assert rf"$\hat{{y}}_{{{t}}}$" in texts(ax)
    assert {"(B, 6)", "(B, 4)", "many_to_many", "$n_a$ = 32, g = tanh", "h = softmax"} <= set(texts(ax))
    assert any(f"{model.count_params()} numbers" in text for text in texts(ax))


def test_of_many_steps_the_first_two_and_the_last_two_are_drawn():
    shown = texts(krb.plot_unrolled(many_to_many(), 50))
    assert [text for text in shown if text.startswith("$x_")] == ["$x_{1}$", "$x_{2}$", "$x_{49}$", "$x_{50}$"]
    assert shown.count(r"$\cdots$") == 3
    assert "$x_{T_x}$" in texts(krb.plot_unrolled(many_to_many()))


def test_a_model_of_a_fixed_length_shows_that_many_steps():
    x = keras.Input((4, 2), name="x")
    model = keras.Model(x, krb.BasicRNN(krb.BasicRNNCell(3), return_sequences=True)(x))
    ax = krb.plot_unrolled(model)
    assert len(gids(ax, "x-")) == 4
    assert not gids(ax, "weight-W_ya")  # without outputs of its own the answer is a_t


def test_in_a_bidirectional_layer_each_row_reads_its_own_way():
    ax = krb.plot_unrolled(many_to_many(8, True), 3)
    for direction, sign in (("→", 1), ("←", -1)):
        arrows = gids(ax, f"arrow-advance-rnn_1-{direction}")
        assert len(arrows) == 3
        assert all(sign * (arrow.get_xdata()[-1] - arrow.get_xdata()[0]) > 0 for arrow in arrows)
    assert len(gids(ax, "weight-W")) == 6
    assert texts(ax).count("+") == 3


def test_a_bidirectional_answer_comes_of_the_last_state_that_each_row_reads():
    ax = krb.plot_unrolled(krb.build_many_to_one((6,), 8, 1, bidirectional=True), 3)
    for direction, last in (("→", 3), ("←", 1)):
        [line] = gids(ax, f"merge-rnn_1-{direction}")
        [cell] = gids(ax, f"cell-a-rnn_1-{direction}-{last}")
        assert cell.get_x() < line.get_xdata()[0] < cell.get_x() + cell.get_width()
    assert len(gids(ax, "y-")) == 1


def test_layers_between_are_one_bar_for_all_steps():
    frontend = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(5)])
    ax = krb.plot_unrolled(krb.build_many_to_many((8, 8), 4, 2, frontend=frontend), 3)
    assert len(gids(ax, "bar-frontend")) == 1
    assert len(gids(ax, "arrow-frontend")) == 3
    assert "frontend: Flatten, Dense, (B, 8, 8) → (B, 5)" in texts(ax)


def test_what_is_written_is_fed_back_but_not_in_training():
    model = krb.build_one_to_many(9, 4)
    assert len(gids(krb.plot_unrolled(model, 3), "fed-back")) == 2
    assert not gids(krb.plot_backpropagation(model, steps=3), "fed-back")


@pytest.mark.parametrize("attention", [False, True])
def test_the_decoder_begins_with_what_each_layer_of_the_encoder_remembers(attention):
    ax = krb.plot_unrolled(krb.build_encoder_decoder(40, 50, [8, 8], attention=attention), 3)
    assert len(gids(ax, "hand-over")) == 2
    assert len(gids(ax, "attention")) == (9 if attention else 0)
    assert "start" in texts(ax)
    assert r"$\hat{y}_{2}$" in texts(ax)


def test_a_cell_shows_its_products_biases_functions_and_shapes():
    cell = krb.BasicRNNCell(32, 4, output_activation="softmax", dropout=0.25)
    cell.build((None, 6))
    ax = krb.plot_cell(cell)
    shown = texts(ax)
    weights = ("× $W_{aa}$ (32, 32)", "× $W_{ax}$ (6, 32)", "× $W_{ya}$ (32, 4)")
    weights += ("+ $b_{a}$ (32,)", "+ $b_{x}$ (32,)", "+ $b_{y}$ (4,)")
    for text in (*weights, "+ $z_t$", "g = tanh", "h = softmax"):
        assert shown.count(text) == 1
    # a_{t-1}, a_t on its two ways; x_t; ŷ_t upwards.
    assert [shown.count(shape) for shape in ("(B, 32)", "$z_t$ (B, 32)", "(B, 6)", "(B, 4)")] == [3, 1, 1, 1]
    assert len(gids(ax, "arrow")) == 6
    assert any("25% of $x_t$" in text for text in shown)
    parts = {"project": ("W_ax", "b_a", "b_x"), "advance": ("W_aa",), "readout": ("W_ya", "b_y")}
    for (part, names), colour in zip(parts.items(), (canvas.INPUT, canvas.RECURRENT, canvas.OUTPUT)):
        [around] = gids(ax, f"part-{part}")
        for name in names:
            [box] = gids(ax, f"weight-{name}")
            assert around.get_y() < box.get_y() < around.get_y() + around.get_height()
            assert plt.matplotlib.colors.to_hex(box.get_facecolor()) == colour


def test_the_five_architectures_have_their_boxes_and_arrows():
    ax = krb.plot_architectures()
    assert len(gids(ax, "x-")) == 1 + 1 + 3 + 3 + 3
    assert len(gids(ax, "start")) == 1
    assert len(gids(ax, "cell-a-")) == 1 + 3 + 3 + 3 + 5
    assert len(gids(ax, "y-")) == 1 + 3 + 1 + 3 + 2
    assert len(gids(ax, "arrow-advance-")) == 0 + 2 + 2 + 2 + 3
    assert len(gids(ax, "hand-over-")) == 1
    assert len(gids(ax, "fed-back-")) == 2 + 1


@pytest.mark.parametrize(
    ("build", "inputs", "answers", "kind"),
    [
        (lambda: krb.build_one_to_one((8, 8), 4, 2), 1, 1, "one to one"),
        (lambda: krb.build_one_to_many(9, 4), 1, 3, "one to many"),
        (lambda: krb.build_many_to_one((6,), [4, 3], 2), 3, 1, "many to one"),
        (many_to_many, 3, 3, "many to many, $T_x = T_y$"),
        (lambda: krb.build_encoder_decoder(9, 9, 4), 3, 2, r"many to many, $T_x \neq T_y$"),
    ],
)
def test_an_architecture_is_recognised(build, inputs, answers, kind):
    ax = krb.plot_architecture(build())
    assert (len(gids(ax, "x-")), len(gids(ax, "y-"))) == (inputs, answers)
    assert any(text.startswith(kind) for text in texts(ax))


def test_backpropagation_shows_each_cost_their_sum_and_the_way_back():
    ax = krb.plot_backpropagation(many_to_many((8, 4)), steps=3)
    assert {"$L_{1}$", "$L_{2}$", "$L_{3}$", r"$L = \Sigma_t\, L_t$"} <= set(texts(ax))
    for layer in ("rnn_1", "rnn_2"):
        back = gids(ax, f"error-{layer}-→-recurrent")
        assert len(back) == 2
        assert all(arrow.get_xdata()[-1] < arrow.get_xdata()[0] for arrow in back)
        assert len(gids(ax, f"error-{layer}-→-up")) == 3
    assert all(line.get_ydata()[-1] < line.get_ydata()[0] for line in gids(ax, "error-rnn_2-→-up"))


def test_an_answer_of_many_to_one_has_one_cost(rng):
    model = krb.build_many_to_one((6,), 8, 1)
    x, y = rng.normal(size=(4, 3, 6)), rng.normal(size=(4, 1))
    ax = krb.plot_backpropagation(model, x, y, "mean_squared_error")
    [cost] = [text for text in texts(ax) if text.startswith("$L$ = ")]
    expected = float(np.mean((np.asarray(model(x)) - y) ** 2))
    assert float(cost.split("= ")[1]) == pytest.approx(expected, rel=0.05)


def test_a_layer_that_reads_backwards_has_its_inputs_in_that_order():
    x = keras.Input((None, 2), name="x")
    model = keras.Model(x, krb.BasicRNN(krb.BasicRNNCell(3, 1), go_backwards=True)(x))
    inputs = [text for text in texts(krb.plot_unrolled(model, 3)) if text.startswith("$x")]
    assert inputs == ["$x_{3}$", "$x_{2}$", "$x_{1}$"]
    inputs = [text for text in texts(krb.plot_unrolled(model)) if text.startswith("$x")]
    assert inputs == ["$x_{T_x}$", "$x_{T_x-1}$", "$x_{1}$"]


def test_what_cannot_be_drawn_is_an_error_that_says_why():
    x = keras.Input((None, 3), name="x")
    plain = keras.Model(x, keras.layers.Dense(2)(x), name="dense")
    with pytest.raises(ValueError, match="dense has no recurrent layer in it"):
        krb.plot_unrolled(plain)
    two = [krb.BasicRNN(krb.BasicRNNCell(2), name=f"branch_{i}")(x) for i in (1, 2)]
    with pytest.raises(
        ValueError, match=r"layers in a row, each used once, but join of .* reads branch.* and does not stand in one"
    ):
        krb.plot_unrolled(keras.Model(x, keras.layers.Add(name="join")(two)))
    skipping = keras.Model(x, keras.layers.Concatenate(name="skip")([x, rnn(krb.BasicRNNCell(3))(x)]))
    with pytest.raises(ValueError, match=r"layers in a row, each used once, but skip of .* does not stand in one"):
        krb.plot_unrolled(skipping)
    with pytest.raises(ValueError, match=r"but branch_2 of .* does not stand in one. Draw a part of it: keras.Model"):
        krb.plot_unrolled(keras.Model(x, two))
    pooled = of(rnn(krb.BasicRNNCell(2)), keras.layers.GlobalAveragePooling1D(name="pool"))
    with pytest.raises(ValueError, match=r"pool of .* makes \(B, \?, 2\) into \(B, 2\): it does not do the same"):
        krb.plot_unrolled(pooled)
    with pytest.raises(ValueError, match="a graph, functional or Sequential, got None"):
        krb.plot_architecture(None)
    for steps in (0, -1, 2.0, True):
        with pytest.raises(ValueError, match="steps must be a positive integer or None"):
            krb.plot_unrolled(many_to_many(), steps)
        with pytest.raises(ValueError, match="steps must be a positive integer or None"):
            krb.plot_backpropagation(many_to_many(), steps=steps)
    with pytest.raises(ValueError, match="has no weights yet"):
        krb.plot_cell(krb.BasicRNNCell(3))
    with pytest.raises(ValueError, match="plot_cell draws a cell"):
        krb.plot_cell(many_to_many())
    with pytest.raises(ValueError, match="one of them is missing"):
        krb.plot_backpropagation(many_to_many(), np.ones((1, 3, 6)))
    batch = np.ones((1, 3, 6)), np.ones((1, 3, 4))
    with pytest.raises(ValueError, match="The batch has 3 steps, steps=4"):
        krb.plot_backpropagation(many_to_many(), *batch, "mean_squared_error", steps=4)
    encoder = krb.build_encoder_decoder(9, 9, 4).get_layer("encoder")
    with pytest.raises(ValueError, match="encoder gives its states and no answers"):
        krb.plot_backpropagation(encoder)
    with pytest.raises(ValueError, match="encoder gives its states and no answers"):
        krb.plot_architecture(encoder)
    assert "gives its states, no answers" in texts(krb.plot_unrolled(encoder))[-2]


@pytest.mark.parametrize("cut", [lambda y: y[:, 2:], keras.layers.Cropping1D((2, 0))], ids=["slice", "cropping"])
def test_answers_that_come_late_stand_above_the_steps_that_give_them(rng, cut, tmp_path):
    x = keras.Input((None, 3), name="x")
    model = keras.Model(x, cut(krb.BasicRNN(krb.BasicRNNCell(4, 1), return_sequences=True)(x)), name="late")
    model.save(tmp_path / "late.keras")
    model = keras.models.load_model(tmp_path / "late.keras")
    inputs, y = rng.normal(size=(2, 5, 3)).astype("float32"), rng.normal(size=(2, 3, 1)).astype("float32")
    ax = krb.plot_backpropagation(model, inputs, y, "mean_squared_error")
    texts = {text.get_text(): text.get_position()[0] for text in ax.texts}
    costs = np.mean((np.asarray(model(inputs)) - y) ** 2, axis=(0, 2))
    for number in (1, 2, 3):
        assert texts[rf"$\hat{{y}}_{{{number}}}$"] == texts[f"$x_{{{number + 2}}}$"]
        assert texts[f"$L_{{{number}}}$ = {costs[number - 1]:.2g}"] == texts[f"$x_{{{number + 2}}}$"]
    assert any("$T_y = T_x - 2$: 2 steps late" in text for text in texts)
    with pytest.raises(ValueError, match="leaves out the first 2 steps: draw more of them"):
        krb.plot_unrolled(model, steps=2)


@pytest.mark.parametrize(
    "cut", [lambda y: y[:, :-2], lambda y: y[:, 2::2], lambda y: y[:, 2:, :1], keras.layers.Cropping1D((1, 1))]
)
def test_other_cuts_through_time_are_not_drawn_as_if_nothing_were_missing(cut):
    x = keras.Input((None, 3), name="x")
    model = keras.Model(x, cut(krb.BasicRNN(krb.BasicRNNCell(4, 2), return_sequences=True)(x)))
    for plot in (krb.plot_unrolled, krb.plot_architecture):
        with pytest.raises(ValueError, match=r"gives another number of steps than it reads; of such operations only y"):
            plot(model)


def test_an_architecture_that_is_none_of_the_five_is_named():
    class Other(keras.Model):
        architecture = Architecture("many_to_both")

    x = keras.Input((4, 2))
    with pytest.raises(
        ValueError, match=r"must be one of \('one_to_one', .*got 'many_to_both'; without one it is drawn"
    ):
        krb.plot_unrolled(Other(x, krb.BasicRNN(krb.BasicRNNCell(3))(x)))
