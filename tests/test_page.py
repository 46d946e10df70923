"""What `write_page` writes; the numbers in it are compared with the model's in a browser, where there is one."""

import json
import re
import subprocess
import sys

import browser
import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_rnn_basics as krb
from keras_rnn_basics.page import join, layers

in_browser = [
    pytest.mark.extra,
    pytest.mark.skipif(browser.chromium() is None, reason=f"needs a browser, one of {', '.join(browser.NAMES)}"),
]
CLASSES = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


@pytest.fixture(scope="module")
def tab():
    with browser.browser() as own:
        own.look(1280, 900)
        yield own


def spread(model, rng):
    """Weights all over: in a new network the biases are zeros."""
    model.set_weights(
        [own + 0.3 * rng.normal(size=own.shape) if own.dtype.kind == "f" else own for own in model.get_weights()]
    )
    return model


def knows(path):
    """What the page carries."""
    [text] = re.findall(r'<script type="application/json" id="network">(.*?)</script>', path.read_text("utf-8"), re.S)
    return json.loads(text)


# What is written


def test_a_page_of_256_units_and_200_steps_is_under_two_megabytes_and_asks_for_nothing(tmp_path, rng):
    model = krb.build_many_to_many((6,), 256, 4)
    x, y = rng.normal(size=(1, 200, 6)), rng.normal(size=(1, 200, 4))
    path = krb.write_page(model, x, tmp_path / "page.html", y)
    text = path.read_text("utf-8")
    assert path.stat().st_size < 2_000_000
    assert (
        re.findall(r"https?://(?!www\.w3\.org/2000/svg)|url\((?!#)|@import|\bsrc=|\bhref=|fetch\(|import\(", text) == []
    )
    assert "default-src 'none'" in text


def test_the_page_is_one_script_of_all_its_modules():
    code = join.script("main")
    written = {path.stem for path in join.SOURCES.glob("*.js")}
    assert written == set(re.findall(r"^const \$(\w+) = \(\(\) => \{", code, re.MULTILINE))
    assert re.findall(r"^(?:import|export)\b.*", code, re.MULTILINE) == []


def test_the_cells_that_the_page_computes_are_those_of_its_own_file():
    assert set(join.cells()) == {"plain", "leaky", "layer_norm", "gru", "lstm"}


def test_a_formula_that_the_page_does_not_have_is_shown_as_any_other_cell(tmp_path):
    class Own(krb.BasicRNNCell):
        def formula(self):
            return "own", {"g": self.activation, "h": self.output_activation}

    path = krb.write_page(krb.build_many_to_many((3,), 4, 2, cell=Own), np.zeros((1, 5, 3)), tmp_path / "page.html")
    assert list(knows(path)["recorded"].values()) == ["layer rnn_1 (BasicRNN)"]


def test_what_a_name_says_is_text_and_no_html(tmp_path):
    model = krb.build_many_to_many((2,), 3, 1)
    names = {"x": ["</script><b>", "a & b"], "y": ["<!--"]}
    path = krb.write_page(model, np.zeros((1, 4, 2)), tmp_path / "page.html", names=names)
    assert knows(path)["inputs"][0]["labels"] == names["x"]
    assert "<b>" not in path.read_text("utf-8").split("<script type=")[1]


@pytest.mark.long  # a process of its own; test_house.py shows every day that no page imports a picture
def test_writing_a_page_needs_no_matplotlib():
    asked = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "import numpy as np, tempfile, keras_rnn_basics as krb\n"
        "print(krb.write_page(krb.build_many_to_many((2,), 3, 1), np.zeros((4, 2)), tempfile.mkdtemp() + '/page.html'))"
    )
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("page.html\n")


def test_only_the_first_eight_sequences_are_carried(tmp_path):
    path = krb.write_page(krb.build_many_to_many((2,), 3, 1), np.zeros((20, 4, 2)), tmp_path / "page.html")
    assert len(knows(path)["examples"]) == 8


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (np.zeros((1, 4, 3)), None, r"x must have the shape \(B, T, 2\) for x, got \(1, 4, 3\)"),
        (np.zeros((1, 0, 2)), None, "needs at least one step"),
        (np.zeros((0, 4, 2)), None, "as many sequences, at least one"),
        (np.full((1, 4, 2), np.nan), None, "finite numbers"),
        ([[[1.0, 2.0]], [[1.0, 2.0], [3.0, 4.0]]], None, "x must be numbers of the shape"),
        ("a text", None, "x of many_to_many has no vocabulary"),
        ({"z": np.zeros((1, 4, 2))}, None, r"x must hold the inputs \['x'\]"),
        (np.zeros((2, 4, 2)), np.zeros((1, 4, 1)), "a target for each of the sequences"),
        (np.zeros((1, 4, 2)), np.zeros((1, 5, 1)), "y_true must have the shape"),
        (np.zeros((1, 4, 2)), ["a"], "y must be numbers"),
    ],
)
def test_inputs_that_do_not_fit_are_an_error_and_leave_the_page_that_is_there(x, y, message, tmp_path):
    path = tmp_path / "page.html"
    path.write_text("as before")
    with pytest.raises(ValueError, match=message):
        krb.write_page(krb.build_many_to_many((2,), 3, 1), x, path, y)
    assert path.read_text() == "as before"
    assert list(tmp_path.iterdir()) == [path]


def test_names_that_do_not_fit_are_an_error(tmp_path):
    model, x = krb.build_many_to_many((2,), 3, 1), np.zeros((1, 4, 2))
    with pytest.raises(ValueError, match=r"names\['x'\] must be 2 words"):
        krb.write_page(model, x, tmp_path / "page.html", names={"x": ["one"]})
    with pytest.raises(ValueError, match=r"The keys of names must be among \['x', 'y'\], got \['z'\]"):
        krb.write_page(model, x, tmp_path / "page.html", names={"z": ["one"]})
    assert list(tmp_path.iterdir()) == []


def test_a_model_that_cannot_be_shown_is_an_error_that_says_why(tmp_path):
    path, x = tmp_path / "page.html", np.zeros((1, 4, 2))
    dense = keras.Sequential([keras.Input((None, 2)), keras.layers.Dense(3)])
    stateful = krb.build_one_to_many(9, 4, stateful_batch_size=1)
    odd = krb.build_many_to_many((2,), 3, 1)
    odd.compile("sgd", krb.SumOverTime("mean_absolute_percentage_error"))
    infinite = krb.build_many_to_many((2,), 3, 1)
    infinite.get_layer("rnn_1").cell.b_y.assign([np.inf])
    for model, given, y, message in (
        (dense, x, None, "has no recurrent layer to show"),
        (stateful, np.ones((1, 4), int), None, "rnn_1 of one_to_many is stateful"),
        (odd, x, np.zeros((1, 4, 1)), "A page knows the costs .*, but many_to_many has mean_absolute_percentage_error"),
        (infinite, x, None, "answers NaN or infinity"),
        ("no model", x, None, "a graph"),
    ):
        with pytest.raises(ValueError, match=message):
            krb.write_page(model, given, path, y)
    assert list(tmp_path.iterdir()) == []


def test_of_a_model_that_writes_the_target_is_the_token_that_comes_next(tmp_path, vocabulary, writer):
    told = knows(krb.write_page(writer, "to be", tmp_path / "page.html"))
    tokens = vocabulary.encode(["to be"]).to_list()[0]
    [example] = told["examples"]
    assert floats(example["inputs"][0]).tolist() == [2, *tokens]
    assert floats(example["y"]).tolist() == [*tokens, 3]


def floats(told):
    import base64

    return np.frombuffer(base64.b64decode(told["float32"]), "<f4").reshape(told["shape"])


# What the browser computes


def by_keras(model, x, y, loss):
    """-> the answer, the costs, and for each recurrent layer ∂L/∂W_aa, of one sequence."""
    recurrent = [own for own in model.weights if own.path.endswith(("W_aa", "recurrent_kernel"))]
    with tf.GradientTape() as tape:
        answer = model(x)
        costs = loss(y, answer)
        mask = getattr(answer, "_keras_mask", None)
        costs = costs if mask is None or len(answer.shape) < 3 else tf.where(mask, costs, 0.0)
        total = tf.reduce_sum(costs)
    gradients = tape.gradient(total, [own.value for own in recurrent])
    return answer[0], np.reshape(costs, -1), [np.asarray(own) for own in gradients]


MSE, MAE = keras.losses.mean_squared_error, keras.losses.mean_absolute_error
LABELS, LOGITS = keras.losses.sparse_categorical_crossentropy, CLASSES.call


def of_numbers(rng, build, loss=MSE, y=(1, 6, 2), **given):
    model = build((3,), given.pop("units", 5), y[-1], **given)
    target = rng.normal(size=y) if loss in (MSE, MAE) else rng.integers(0, y[-1], y[:-1])
    name = "sparse_categorical_crossentropy" if loss is LABELS else loss
    model.compile("sgd", krb.SumOverTime(name) if len(y) == 3 else name)
    return model, rng.normal(size=(1, 6, 3)).astype("float32"), target, loss


def ensemble(rng):
    members = [spread(krb.build_many_to_many((3,), 4, 1), rng) for _ in range(2)]
    x = keras.Input((None, 3), name="x")
    model = keras.Model(x, x[:, :, 0:1] + 2.0 * krb.build_ensemble(members)(x))
    model.compile("sgd", krb.SumOverTime("mean_absolute_error"))
    return model, rng.normal(size=(1, 6, 3)).astype("float32"), rng.normal(size=(1, 6, 1)), MAE


def masked(rng):
    frontend = keras.Sequential(
        [keras.layers.Masking(), keras.layers.Normalization(mean=[1.0, 2, 3], variance=[1, 4, 9])]
    )
    given = {"bidirectional": True, "frontend": frontend, "output_activation": "softmax"}
    model, x, y, loss = of_numbers(rng, krb.build_many_to_one, LABELS, (1, 2), **given)
    x[:, 4:] = 0
    return model, x, y, loss


def behind_a_convolution(rng):
    frontend = keras.Sequential([keras.layers.Conv2D(2, 3), keras.layers.Flatten(), keras.layers.Dense(4)])
    model = krb.build_many_to_many((8, 8, 1), 5, 2, frontend=frontend)
    return model, rng.normal(size=(1, 5, 8, 8, 1)).astype("float32"), rng.normal(size=(1, 5, 2)), MSE


def behind_what_carries_a_mask(rng):
    """Nobody but the model knows the last layer; its output carries the mask of the tokens."""

    class Twice(keras.layers.Layer):
        supports_masking = True

        def call(self, x):
            return keras.ops.cumsum(x, axis=-1)

    parts = [keras.layers.Embedding(9, 4, mask_zero=True), krb.BasicRNN(krb.BasicRNNCell(5), return_sequences=True)]
    model = keras.Sequential([keras.Input((None,)), *parts, Twice(), keras.layers.Dense(3)])
    return model, np.array([[3, 4, 5, 0, 0]]), rng.integers(0, 3, (1, 5)), LOGITS


def within_another(rng):
    inner, x, y, loss = masked(rng)
    given = keras.Input((None, 3), name="given")
    model = keras.Model(given, inner(keras.ops.tanh(given * 1.5)))
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model, x, y, loss


def of_keras_alone(rng):
    parts = [
        keras.layers.BatchNormalization(),
        keras.layers.Bidirectional(keras.layers.LSTM(4, return_sequences=True)),
        keras.layers.LayerNormalization(),
        keras.layers.GRU(5, return_sequences=True, go_backwards=True),
        keras.layers.TimeDistributed(keras.layers.Dense(2)),
    ]
    model = keras.Sequential([keras.Input((None, 3)), *parts])
    return model, rng.normal(size=(1, 6, 3)).astype("float32"), rng.normal(size=(1, 6, 2)), MSE


def translating(rng, attention):
    model = krb.build_encoder_decoder(12, 13, [4, 5], attention=attention)
    return model, [np.array([[5, 6, 7, 0]]), np.array([[2, 5, 6, 7, 8]])], np.array([[5, 6, 7, 8, 3]]), LOGITS


def of_lengths(rng):
    """The outputs of a layer that is told the lengths carry a mask: only four of six steps cost."""
    x, lengths = keras.Input((None, 3), name="x"), keras.Input((), name="lengths", dtype="int32")
    rnn = krb.BasicRNN(krb.BasicRNNCell(5, 2), return_sequences=True)
    model = keras.Model([x, lengths], rnn(x, sequence_lengths=lengths))
    return model, [rng.normal(size=(1, 6, 3)).astype("float32"), np.array([4])], rng.normal(size=(1, 6, 2)), MSE


MODELS = {
    "many to many": lambda rng: of_numbers(rng, krb.build_many_to_many),
    "softmax and relu": lambda rng: of_numbers(
        rng, krb.build_many_to_many, LABELS, (1, 6, 4), activation="relu", output_activation="softmax"
    ),
    "many to one": lambda rng: of_numbers(rng, krb.build_many_to_one, y=(1, 2)),
    "one to one": lambda rng: (
        krb.build_one_to_one((8, 8), 5, 3), rng.normal(size=(1, 8, 8)).astype("float32"), np.array([2]), LOGITS
    ),
    "stack of both directions": lambda rng: of_numbers(
        rng, krb.build_many_to_many, units=[4, 5], bidirectional=True
    ),
    "gru": lambda rng: of_numbers(rng, krb.build_many_to_many, cell=keras.layers.GRUCell),
    "lstm": lambda rng: of_numbers(rng, krb.build_many_to_many, units=[4, 5], cell=keras.layers.LSTMCell),
    "layer norm": lambda rng: of_numbers(rng, krb.build_many_to_many, cell=krb.LayerNormRNNCell),
    "leaky": lambda rng: of_numbers(rng, krb.build_many_to_many, cell=lambda n: krb.LeakyRNNCell(n, learn_alpha=True)),
    "simple": lambda rng: of_numbers(rng, krb.build_many_to_many, cell=keras.layers.SimpleRNNCell),
    "tokens": lambda rng: (
        krb.build_one_to_many(12, 4), np.array([[2, 5, 6, 7, 0, 0]]), np.array([[5, 6, 7, 3, 0, 0]]), LOGITS
    ),
    "encoder and decoder": lambda rng: translating(rng, False),
    "attention": lambda rng: translating(rng, True),
    "ensemble": ensemble,
    "masks": masked,
    "lengths": of_lengths,
    "behind a convolution": behind_a_convolution,
    "within another": within_another,
    "of Keras alone": of_keras_alone,
    "behind what carries a mask": behind_what_carries_a_mask,
}  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.usefixtures("tab")
class TestNumbers:
    pytestmark = in_browser

    def test_answers_costs_and_gradients_are_those_of_the_model(self, name, tab, rng, tmp_path):
        model, x, y, loss = MODELS[name](rng)
        spread(model, rng)
        path = krb.write_page(model, x, tmp_path / "page.html", y)
        tab.open(path)
        found, (answer, costs, gradients) = tab("page.numbers()"), by_keras(model, x, y, loss)
        np.testing.assert_allclose(found["answer"], answer, atol=1e-4)
        np.testing.assert_allclose(found["costs"], costs, atol=1e-4)
        assert len(found["layers"]) == len(gradients) > 0
        assert all("dL_dW_aa" in layer for layer in found["layers"]) or knows(path)["recorded"]
        for layer in filter(lambda own: "dL_dW_aa" in own, found["layers"]):
            own = np.array(layer["dL_dW_aa"])
            alike = [other for other in gradients if other.shape == own.shape]
            assert min(np.abs(own - other).max() for other in alike) < 1e-4, layer["name"]
            assert len(layer["shares"]) == len(layer["a"])
        assert "differ by at most" in tab("document.getElementById('check').textContent")
        assert not tab("document.getElementById('check').classList.contains('wrong')")
        assert tab.errors() == []
        assert tab.requests() == [path.resolve().as_uri()]

    def test_what_is_not_computed_in_the_page_is_what_it_cannot_know(self, name, rng, tmp_path):
        model, x, _, _ = MODELS[name](rng)
        recorded = knows(krb.write_page(model, x, tmp_path / "page.html"))["recorded"]
        assert bool(recorded) == name.startswith("behind"), recorded


@pytest.fixture
def shown(tab, rng, tmp_path):
    """A page of a network of three inputs, two answers and six steps."""
    model = spread(krb.build_many_to_many((3,), 5, 2), rng)
    x, y = rng.normal(size=(2, 6, 3)).astype("float32"), rng.normal(size=(2, 6, 2))
    tab.open(krb.write_page(model, x, tmp_path / "page.html", y, {"x": ["one", "two", "three"]}))
    return model, x


@pytest.mark.extra
@pytest.mark.skipif(browser.chromium() is None, reason="needs a browser")
class TestReader:
    @pytest.mark.parametrize("section", ["weights", "unit", "strips", "back"])
    def test_an_address_with_a_section_shows_that_section_drawn(self, tab, rng, tmp_path, section):
        model = spread(krb.build_many_to_many((3,), 5, 2), rng)
        x, y = rng.normal(size=(1, 6, 3)).astype("float32"), rng.normal(size=(1, 6, 2))
        tab.open(krb.write_page(model, x, tmp_path / "page.html", y), f"#{section}")
        tab.wait()
        of = f"document.getElementById('{section}')"
        top = tab(f"{of}.closest('section').getBoundingClientRect().top")
        bottom = tab("document.querySelector('nav').getBoundingClientRect().bottom")
        assert abs(top - bottom) < 2 or tab("scrollY + innerHeight > document.documentElement.scrollHeight - 2")
        assert tab(f"{of}.querySelectorAll('canvas, svg').length") > 0

    def test_the_arrow_keys_go_through_time(self, tab, shown):
        begin = tab("page.t")
        seen = []
        for key in ("ArrowRight", "ArrowLeft", "ArrowLeft", "Home", "ArrowLeft", "End", "ArrowRight"):
            tab.press(key)
            seen.append(tab("page.t"))
        assert seen == [begin + 1, begin, begin - 1, 0, 0, 5, 5]
        assert tab("document.getElementById('time').getAttribute('aria-valuetext')") == "step 6 of 6"
        assert tab("document.getElementById('now').textContent") == "t = 6 of 6"

    def test_a_number_that_is_typed_changes_all_that_follows_as_in_the_model_and_reset_takes_it_back(self, tab, shown):
        model, x = shown
        before = tab("page.numbers()")
        tab("page.goTo(2)")
        tab.wait()
        tab(typed("#inputs input[type=number]", 1, "2.5"))
        tab.wait()
        changed = x[:1].copy()
        changed[0, 2, 1] = 2.5
        after = tab("page.numbers()")
        np.testing.assert_allclose(after["answer"], model(changed)[0], atol=1e-4)
        np.testing.assert_allclose(after["layers"][0]["a"], model.get_layer("rnn_1").activations(changed)[0], atol=1e-4)
        assert np.abs(np.subtract(after["answer"], before["answer"]))[2:].min() > 1e-4
        np.testing.assert_array_equal(after["answer"][:2], before["answer"][:2])
        tab("document.getElementById('reset').click()")
        tab.wait()
        assert tab("page.numbers()")["answer"] == before["answer"]

    def test_a_unit_is_taken_apart_into_terms_that_add_up_to_its_sum(self, tab, shown):
        model, x = shown
        tab("(page.goTo(3), page.choose({unit: 4}), page.draw(), 0)")
        told = tab("[...document.querySelectorAll('#unit .term .value')].map((one) => one.textContent)")
        terms = [float(one.replace("−", "-")) for one in told]
        cell, a = model.get_layer("rnn_1").cell, np.asarray(model.get_layer("rnn_1").activations(x[:1]))[0]
        own = [*(x[0, 3] * cell.W_ax[:, 4]), cell.b_x[4], cell.b_a[4], *(a[2] * cell.W_aa[:, 4])]
        np.testing.assert_allclose(sorted(terms), sorted(map(float, own)), atol=6e-4)
        assert f"a3[5] = {a[3, 4]:.3f}".replace("-", "−")[3:] in tab(
            "document.querySelector('#unit .said').textContent"
        )

    def test_pointing_at_a_weight_lights_every_place_that_uses_it(self, tab, shown):
        tab("(page.draw(), document.querySelector('figure[data-weight=W_aa] canvas').focus())")
        tab.wait()
        lit = "[...document.querySelectorAll('.unrolled .use.lit')].map((one) => one.dataset.weight)"
        assert tab(lit) == ["W_aa"] * tab("document.querySelectorAll('.unrolled .column').length")
        said = tab("document.querySelector('#weights .said').textContent")
        assert "at every one of the 6 steps" in said
        tab("document.activeElement.blur()")
        tab.wait()
        assert tab(lit) == []

    def test_the_shares_of_the_steps_grow_into_the_whole_gradient(self, tab, shown):
        grown = tab("(() => { const { each, grown } = page.shares(); return [[...each], [...grown]]; })()")
        whole = np.linalg.norm(tab("page.numbers()")["layers"][0]["dL_dW_aa"])
        np.testing.assert_allclose(grown[1][0], whole, rtol=1e-6)
        np.testing.assert_allclose(grown[1][-1], grown[0][-1], rtol=1e-6)
        assert grown[0][0] == 0  # a_0 is zero

    @pytest.mark.parametrize("width", [390, 1280])
    def test_nothing_stands_beyond_the_edge_of_the_window(self, tab, shown, width):
        tab.look(width, 900)
        assert tab("document.documentElement.scrollWidth <= innerWidth && innerWidth") == width
        tab.look(1280, 900)

    def test_every_control_and_picture_has_a_name_to_be_read_aloud(self, tab, shown):
        tab("page.draw()")
        tab.wait()
        tab.ask("Accessibility.enable")
        tree = [node for node in tab.ask("Accessibility.getFullAXTree")["nodes"] if not node["ignored"]]
        found = [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in tree]
        roles = {"button", "checkbox", "combobox", "heading", "image", "slider", "spinbutton", "textbox"}
        named = [(role, name) for role, name in found if role in roles]
        assert len([role for role, _ in named if role == "image"]) > 10
        assert [role for role, name in named if not name.strip()] == []


@pytest.mark.extra
@pytest.mark.skipif(browser.chromium() is None, reason="needs a browser")
class TestText:
    def test_a_text_that_is_typed_is_read_as_the_model_reads_it(self, tab, writer, vocabulary, tmp_path):
        tab.open(krb.write_page(writer, "to be", tmp_path / "page.html"))
        tab(typed("textarea", 0, "not to be"))
        tab.wait()
        tokens = [2, *vocabulary.encode(["not to be"]).to_list()[0]]
        found = tab("page.numbers()")
        np.testing.assert_allclose(found["answer"], writer(np.array([tokens]))[0], atol=1e-4)
        cost = LOGITS(np.array([[*tokens[1:], 3]]), writer(np.array([tokens])))
        np.testing.assert_allclose(found["costs"], cost[0], atol=1e-4)

    def test_without_temperature_it_writes_what_the_model_writes(self, tab, writer, tmp_path):
        tab.open(krb.write_page(writer, "to be", tmp_path / "page.html"))
        tab(typed("input[aria-label=temperature]", 0, "0"))
        for _ in range(12):
            tab("[...document.querySelectorAll('button')].find((one) => one.textContent === 'Write one').click()")
            tab.wait()
        assert tab("document.querySelector('textarea').value") == writer.generate("to be", 12, temperature=0)

    def test_it_translates_as_the_model_does(self, tab, translator, tmp_path):
        tab.open(krb.write_page(translator, "to be", tmp_path / "page.html"))
        tab("[...document.querySelectorAll('button')].find((one) => one.textContent === 'Translate').click()")
        value = "document.querySelectorAll('textarea')[1].value"
        wait = f"(left) => ({value}.length < 12 && left ? setTimeout(wait, 20, left - 1) : done(1))"
        tab(f"new Promise((done) => {{ const wait = {wait}; wait(200); }})")
        assert tab(value)[:12] == translator.translate("to be")[:12]


@pytest.mark.extra
@pytest.mark.skipif(browser.chromium() is None, reason="needs a browser")
@pytest.mark.parametrize("kind", ["g", "h"])
def test_every_function_is_that_of_keras(kind, tab, rng, x, tmp_path):
    """As g, with its slope by ∂L/∂W_aa, and as h; softmax is no g of a single unit."""
    for name in layers.FUNCTIONS:
        if kind == "h" or "softmax" not in name:
            given = {"activation": name} if kind == "g" else {"output_activation": name}
            model = spread(krb.build_many_to_many((3,), 5, 4, **given), rng)
            if name == "exponential":  # it grows without bound
                model.set_weights([0.1 * own for own in model.get_weights()])
            y = rng.normal(size=(4, 6, 4))
            model.compile("sgd", krb.SumOverTime("mean_squared_error"))
            tab.open(krb.write_page(model, 3 * x, tmp_path / "page.html", y))
            found = tab("page.numbers()")
            answer, _, [gradient] = by_keras(model, 3 * x[:1], y[:1], MSE)
            np.testing.assert_allclose(found["answer"], answer, rtol=1e-4, atol=1e-4, err_msg=name)
            np.testing.assert_allclose(found["layers"][0]["dL_dW_aa"], gradient, rtol=1e-3, atol=1e-4, err_msg=name)


@pytest.mark.extra
@pytest.mark.skipif(browser.chromium() is None, reason="needs a browser")
def test_every_cost_and_its_gradient_are_those_of_keras(tab, rng, x, tmp_path):
    for loss, h, y in (
        ("mean_squared_error", None, rng.normal(size=(4, 6, 3))),
        ("mean_absolute_error", None, rng.normal(size=(4, 6, 3))),
        ("huber", None, 3 * rng.normal(size=(4, 6, 3))),
        ("log_cosh", None, rng.normal(size=(4, 6, 3))),
        ("binary_crossentropy", "sigmoid", rng.integers(0, 2, (4, 6, 3))),
        (keras.losses.BinaryCrossentropy(from_logits=True), None, rng.integers(0, 2, (4, 6, 3))),
        ("categorical_crossentropy", "softmax", np.eye(3)[rng.integers(0, 3, (4, 6))]),
        (keras.losses.CategoricalCrossentropy(from_logits=True), None, np.eye(3)[rng.integers(0, 3, (4, 6))]),
        ("sparse_categorical_crossentropy", "softmax", rng.integers(0, 3, (4, 6))),
        (CLASSES, None, rng.integers(0, 3, (4, 6))),
    ):
        model = spread(krb.build_many_to_many((3,), 5, 3, output_activation=h), rng)
        model.compile("sgd", krb.SumOverTime(loss))
        tab.open(krb.write_page(model, x, tmp_path / "page.html", y))
        found = tab("page.numbers()")
        _, costs, [gradient] = by_keras(model, x[:1], y[:1], krb.SumOverTime(loss).call)
        np.testing.assert_allclose(found["costs"], costs, atol=1e-4, err_msg=str(loss))
        np.testing.assert_allclose(found["layers"][0]["dL_dW_aa"], gradient, atol=1e-4, err_msg=str(loss))


@pytest.mark.extra
@pytest.mark.skipif(browser.chromium() is None, reason="needs a browser")
def test_a_cell_whose_equations_the_page_does_not_know_is_shown_and_cannot_be_changed(tab, rng, x, tmp_path):
    class Own(krb.BasicRNNCell):
        def advance(self, z_t, states):
            return [keras.ops.tanh(z_t + 0.5 * self.recur(states[0], self.W_aa))]

    model = krb.build_many_to_many((3,), [4, 5], 2, cell=Own)
    path = krb.write_page(model, x, tmp_path / "page.html")
    tab.open(path)
    found = tab("page.numbers()")
    np.testing.assert_allclose(found["layers"][0]["a"], model.get_layer("rnn_1").activations(x[:1])[0], atol=1e-6)
    np.testing.assert_allclose(found["answer"], model(x)[0], atol=1e-4)
    assert "does not know its equations" in tab("document.getElementById('recorded').textContent")
    assert tab("document.getElementById('inputs').hidden")
    assert tab.errors() == []


def typed(selector, number, text):
    """A value that is put into a field as if it were typed."""
    return (
        f"(() => {{ const field = document.querySelectorAll({json.dumps(selector)})[{number}]; "
        f"field.value = {json.dumps(text)}; "
        "field.dispatchEvent(new Event('input', { bubbles: true })); return 0; })()"
    )
