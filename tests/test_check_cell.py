"""For each thing that can be wrong with a cell, a cell that is wrong in it alone, and good cells of all kinds."""

import re
import types

import keras
import numpy as np
import pytest
from everyday import cases
from keras import ops

from keras_rnn_basics import BasicRNNCell, LayerNormRNNCell, LeakyRNNCell, RecurrentCell, Weight, check_cell

registered = keras.saving.register_keras_serializable("tests")


@registered
class IndependentCell(RecurrentCell):
    """a_t = tanh(x_t W + b + u a_{t-1}): each unit hears of its own past only."""

    def declare_weights(self, n_x):
        n_a = self.units
        return {"W": Weight((n_x, n_a)), "b": Weight((n_a,), "zeros"), "u": Weight((n_a,), "ones")}

    def project(self, x):
        return ops.matmul(x, self.W) + self.b

    def advance(self, z_t, states):
        [a_prev] = states
        return [ops.tanh(z_t + self.u * a_prev)]


@registered
class LongShortCell(RecurrentCell):
    """A small LSTM: what it says h and what it keeps c, of the same size; it answers through W_y."""

    @property
    def state_size(self):
        return [self.units, self.units]

    def declare_weights(self, n_x):
        n_a, n_y = self.units, self.output_units
        return {
            "W": Weight((n_x, 4 * n_a)),
            "U": Weight((n_a, 4 * n_a), "orthogonal"),
            "b": Weight((4 * n_a,), "zeros"),
            "W_y": Weight((n_a, n_y)),
        }

    def project(self, x):
        return ops.matmul(x, self.W) + self.b

    def advance(self, z_t, states):
        h_prev, c_prev = states
        enter, forget, show, new = ops.split(z_t + self.recur(h_prev, self.U), 4, axis=-1)
        c_t = ops.sigmoid(forget) * c_prev + ops.sigmoid(enter) * ops.tanh(new)
        return [ops.sigmoid(show) * ops.tanh(c_t), c_t]

    def readout(self, states):
        return ops.matmul(states[0], self.W_y)


@registered
class WholeCell(IndependentCell):
    """Replaces `call`, and so runs step by step: its answer is of x_t as well, which no readout could say."""

    def call(self, x_t, states, training=False):
        [a_t] = self.advance(self.project(x_t), states)
        return a_t * ops.tanh(self.project(x_t)), [a_t]


GOOD = {
    "plain_in_half": BasicRNNCell(4, dtype="mixed_float16"),
    "plain_with_outputs": BasicRNNCell(
        4, 2, output_activation="softmax", frozen=("b_x",), dropout=0.2, constraints={"W_ya": "non_neg"}
    ),
    "echo_state": BasicRNNCell(4, 2, activation="relu", frozen=("W_aa", "W_ax", "b_x", "b_a")),
    "layer_norm": LayerNormRNNCell(4, 2),
    "learned_leak": LeakyRNNCell(4, 2, learn_alpha=True, recurrent_dropout=0.2),
    "independent_learned_start": IndependentCell(4, learned_initial_state=True),
    "two_states_learned_starts": LongShortCell(4, 2, learned_initial_state=True, dropout=0.2, recurrent_dropout=0.4),
    "whole": WholeCell(4),
    "keras_gru": keras.layers.GRUCell(4),
    "keras_lstm": keras.layers.LSTMCell(4),
}


@pytest.mark.parametrize("name", cases(GOOD, ["two_states_learned_starts", "whole"]))
def test_a_good_cell_passes_and_is_left_as_it_is(name):
    cell = GOOD[name]
    before = dict(vars(cell))
    assert check_cell(cell, 3) is None
    assert vars(cell) == before
    assert not cell.built


@pytest.mark.long  # every day: good cells, and one that was built with a faulty config
def test_a_cell_that_was_built_passes_with_its_weights_and_keeps_them():
    cell = LeakyRNNCell(4, 2, alpha=0.3)
    cell.build((None, 3))
    before = cell.get_weights()
    check_cell(cell, 3)
    for value, weight in zip(before, cell.get_weights()):
        np.testing.assert_array_equal(value, weight)
    with pytest.raises(ValueError, match=r"was built with weights of the shapes .*; for n_x = 5 they are \["):
        check_cell(cell, 5)


@pytest.mark.parametrize("thing", [BasicRNNCell, keras.layers.Dense(3), "gru", None])
def test_what_is_no_cell_is_said_to_be_none(thing):
    with pytest.raises(TypeError, match=r"check_cell takes a cell, such as BasicRNNCell\(units\), got "):
        check_cell(thing, 3)
    with pytest.raises(ValueError, match="n_x must be a positive integer, got 0"):
        check_cell(BasicRNNCell(4), 0)


def broken(base=IndependentCell, module=__name__, **members):
    """A class on top of a good one, with these members in the place of its own."""
    kind = types.new_class("Broken", (base,), exec_body=lambda body: body.update(members, __module__=module))
    return keras.saving.register_keras_serializable("tests")(kind)


def fails(cell, sentence):
    """The check says this sentence, of which each ? is a number, and nothing else."""
    pattern = re.escape("Broken: " + sentence + ".").replace(r"\?", r"[\d.e+-]+")
    with pytest.raises(AssertionError) as raised:
        check_cell(cell, 3)
    assert re.fullmatch(pattern, str(raised.value)), raised.value


EVERY_ARGUMENT = "put every argument of __init__ into get_config"
PURE = "draw no random numbers in it, and keep nothing between two calls except in the states"
EACH_STEP = "it must treat each step separately, along the last axis only"


# A copy.


def scaled(self, units, scale=1.0, **kwargs):
    RecurrentCell.__init__(self, units, **kwargs)
    self.scale = scale


def test_an_argument_that_get_config_leaves_out():
    cell = broken(__init__=scaled)(4, scale=3.0)
    fails(
        cell, f"get_config is incomplete: a copy made from it has scale = 1.0, but the cell has 3.0; {EVERY_ARGUMENT}"
    )


def test_an_argument_that_get_config_leaves_out_and_that_shows_in_the_answers_alone():
    def hidden(self, units, scale=1.0, **kwargs):
        RecurrentCell.__init__(self, units, **kwargs)
        self.scale = ops.convert_to_tensor(scale)

    cell = broken(__init__=hidden, readout=lambda self, states: states[0] * self.scale)(4, scale=3.0)
    cell.build((None, 3))
    so = "get_config is incomplete: a copy made from it, with the same weights, differs by ?; "
    fails(cell, so + EVERY_ARGUMENT)


def test_a_config_that_init_does_not_take():
    def needy(self, units, scale, **kwargs):
        RecurrentCell.__init__(self, units, **kwargs)

    so = "from_config(get_config()) raises TypeError: "
    says = (
        "needy() missing 1 required positional argument: 'scale'; put exactly the arguments of __init__ into get_config"
    )
    needy.__qualname__ = "needy"
    fails(broken(__init__=needy)(4, scale=3.0), so + says)


def test_a_config_that_forgets_what_every_layer_has():
    cell = broken(get_config=lambda self: {"units": self.units})(4)
    fails(cell, "get_config does not hold the dtype; begin it with {**super().get_config(), ...}")


# Building, and the states.


def test_a_weight_with_the_name_of_another_attribute():
    cell = broken(declare_weights=lambda self, n_x: {"units": Weight((n_x, 4))})(4)
    fails(cell, "the weight 'units' has the name of another attribute; give one of them another name")


def test_a_weight_that_cannot_be_made():
    def declare_weights(self, n_x):
        return {**IndependentCell.declare_weights(self, n_x), "W": Weight((n_x, 4), lambda *_, **__: 1 / 0)}

    fails(broken(declare_weights=declare_weights)(4), "build((None, 3)) raises ZeroDivisionError: division by zero")


def test_a_beginning_of_another_shape_than_state_size():
    cell = broken(initial_state=lambda self, B=None: [ops.zeros((B, 5))])(4)
    fails(cell, "its first states have the shapes [(3, 5)], but state_size says [(3, 4)]")


def test_an_advance_that_returns_no_list():
    cell = broken(advance=lambda self, z_t, states: ops.tanh(z_t + self.u * states[0]))(4)
    says = f"advance must return a list of states, got {type(ops.zeros(1)).__name__}; write [a_t]"
    fails(cell, says)


def test_an_advance_that_raises():
    def advance(self, z_t, states):
        raise KeyError("no such gate")

    fails(broken(advance=advance)(4), "advance(project(x_t), states) raises KeyError: 'no such gate'")


def test_a_step_that_gives_another_shape_than_state_size():
    cell = broken(advance=lambda self, z_t, states: [ops.concatenate([z_t, states[0]], axis=-1)])(4)
    fails(cell, "a step returns states of the shapes [(3, 8)], but state_size says [(3, 4)]")


def test_an_answer_of_another_size_than_output_size():
    cell = broken(readout=lambda self, states: ops.concatenate([states[0], states[0]], axis=-1))(4)
    fails(cell, "its output has the shape (3, 8), but output_size says (3, 4); define output_size")


def test_a_state_of_another_dtype():
    cell = broken(advance=lambda self, z_t, states: [ops.cast(ops.tanh(z_t), "float16")])(4)
    fails(cell, "a step returns float16, the cell computes in float32; cast to compute_dtype")


# The same twice.


def test_chance_in_advance():
    def advance(self, z_t, states):
        return [ops.tanh(z_t + self.u * states[0]) + keras.random.normal(ops.shape(z_t), seed=self.seed_generator)]

    fails(broken(advance=advance)(4), f"advance, called twice with the same inputs, differs by ?; {PURE}")


def test_a_readout_that_remembers_what_project_saw():
    def project(self, x):
        self.seen = IndependentCell.project(self, x)
        return self.seen

    cell = broken(project=project, readout=lambda self, states: states[0] + self.seen)(4)
    fails(cell, f"readout, called twice with the same inputs, differs by ?; {PURE}")


def test_a_cell_that_replaces_call_and_counts_for_ever():
    def call(self, x_t, states, training=False):
        self.step = getattr(self, "step", 0) + 1
        [a_t] = self.advance(self.project(x_t), states)
        return a_t * self.step, [a_t]

    fails(broken(call=call)(4), f"call, called twice with the same inputs, differs by ?; {PURE}")


def test_a_weight_that_a_step_assigns():
    def advance(self, z_t, states):
        self.b.assign(self.b + 1.0)
        return IndependentCell.advance(self, z_t, states)

    cell = broken(advance=advance, project=lambda self, x: ops.matmul(x, self.W))(4)
    fails(cell, "a step changes the weight b by ?; a value that changes must be a state")


# The parts, and the batch.


def test_a_project_that_looks_at_other_steps():
    cell = broken(project=lambda self, x: ops.cumsum(ops.matmul(x, self.W) + self.b, axis=0))(4)
    fails(cell, f"project(x) of all steps at once differs from that of each step by ?; {EACH_STEP}")


def test_a_project_that_takes_one_step_only():
    def project(self, x):
        B, _ = x.shape
        return ops.reshape(IndependentCell.project(self, x), (B, self.units))

    with pytest.raises(AssertionError) as raised:
        check_cell(broken(project=project)(4), 3)
    assert str(raised.value).startswith("Broken: project(x) of all steps at once raises ValueError: ")
    assert str(raised.value).endswith(f"; {EACH_STEP}.")


def test_a_readout_that_looks_at_other_steps():
    cell = broken(readout=lambda self, states: states[0] - ops.mean(states[0], axis=0))(4)
    fails(cell, f"readout(states) of all steps at once differs from that of each step by ?; {EACH_STEP}")


def test_a_call_that_says_something_else_than_the_parts():
    def call(self, x_t, states, training=False):
        [a_t] = self.advance(self.project(x_t), states)
        return 2 * a_t, [a_t]

    so = "call(x_t, states) differs from readout(advance(project(x_t), states)) by ?; remove call, or make the parts "
    fails(broken(call=call, step_by_step=None)(4), so + "do the same")


ALONE = "of an example alone differs from that in a batch by ?; it must not mix the examples"


@pytest.mark.parametrize(("base", "part"), [(IndependentCell, "advance"), (WholeCell, "call")])
def test_a_step_that_looks_at_the_other_examples(base, part):
    def advance(self, z_t, states):
        return [ops.tanh(z_t - ops.mean(z_t, axis=0) + self.u * states[0])]

    fails(broken(base, advance=advance)(4), f"{part} {ALONE}")


@pytest.mark.parametrize("part", ["project", "readout"])
def test_a_part_of_each_step_that_looks_at_the_other_examples(part):
    def centred(self, given):
        answer = getattr(IndependentCell, part)(self, given)
        return answer - ops.mean(answer, axis=-2, keepdims=True)

    fails(broken(**{part: centred})(4), f"{part} {ALONE}")


# In a layer.


def test_a_beginning_drawn_by_chance():
    def initial_state(self, B=None):
        return [keras.random.normal((B, self.units), seed=self.seed_generator)]

    fails(broken(initial_state=initial_state)(4), f"two calls with the same sequence differ by ?; {PURE}")


def test_a_call_that_makes_an_exception_of_the_first_step():
    def call(self, x_t, states, training=False):
        [a_t] = self.advance(self.project(x_t), states)
        return ops.where(ops.any(states[0] != 0), a_t, 2 * a_t), [a_t]

    cell = broken(call=call, step_by_step=None)(4)
    fails(cell, f"BasicRNN(cell) and keras.layers.RNN(cell) differ by ?; {PURE}")


def test_a_cell_that_counts_the_steps_since_its_own_last_state_came_in():
    def call(self, x_t, states, training=False):
        self.steps = self.steps + 1 if states[0] is getattr(self, "last", None) else 1
        _, [self.last] = IndependentCell.call(self, x_t / self.steps, states)
        return self.last, [self.last]

    fails(broken(call=call)(4), f"a sequence with masked steps differs from one without them by ?; {PURE}")


def test_a_step_that_is_another_once_it_is_compiled():
    import tensorflow as tf

    def advance(self, z_t, states):
        return IndependentCell.advance(self, z_t if tf.executing_eagerly() else 2 * z_t, states)

    so = (
        r"^Broken: compiled, BasicRNN\(cell\) and keras\.layers\.RNN\(cell\) differ by [\d.]+; the route was per_core: "
    )
    with pytest.raises(AssertionError, match=so):
        check_cell(broken(advance=advance)(4), 3)


def test_numpy_in_a_graph():
    cell = broken(advance=lambda self, z_t, states: [ops.convert_to_tensor(np.tanh(z_t + self.u * states[0]))])(4)
    with pytest.raises(AssertionError, match=r"^Broken: a compiled function raises \w+: .*numpy"):
        check_cell(cell, 3)


# Gradients.


GRADIENT = (
    r"Broken: the gradient by \w+ is [\d.e+-]+ along a random direction \(the route was per_core: .+\), but finite "
    r"differences give [\d.e+-]+; look for an operation that stops or replaces the gradient\."
)


def test_a_gradient_that_is_stopped():
    def advance(self, z_t, states):
        return [ops.tanh(z_t + self.u * ops.stop_gradient(states[0]))]

    with pytest.raises(AssertionError, match=GRADIENT):
        check_cell(broken(advance=advance)(4), 3)


@pytest.mark.long  # every day: a gradient that is stopped
def test_a_derivative_written_out_that_is_of_another_step():
    def advance(self, z_t, states):
        return [ops.tanh(z_t + ops.matmul(states[0], ops.transpose(self.W_aa)))]

    with pytest.raises(AssertionError, match=GRADIENT):
        check_cell(broken(BasicRNNCell, advance=advance, elman=BasicRNNCell.elman)(4), 3)


def with_a_spare_weight(self, n_x):
    return {**IndependentCell.declare_weights(self, n_x), "spare": Weight((self.units,), "ones")}


@pytest.mark.long
def test_a_weight_without_an_effect_may_be_frozen():
    check_cell(broken(declare_weights=with_a_spare_weight)(4, frozen=("spare",)), 3)


def test_a_weight_without_an_effect_is_named():
    kind = broken(declare_weights=with_a_spare_weight)
    so = "the weight spare has no effect on the outputs and the states; use it, remove it from declare_weights, or "
    fails(kind(4), so + "name it in frozen")


# In models and files.


@pytest.mark.long  # one_step refuses such a model itself
def test_a_step_model_that_answers_otherwise(monkeypatch):
    from keras_rnn_basics.check_cell import sequence

    def one_step(model):
        other = keras.models.clone_model(model)
        other.set_weights([weight + 1 for weight in model.get_weights()])
        return original(other)

    original = sequence.one_step
    monkeypatch.setattr(sequence, "one_step", one_step)
    fails(broken()(4), f"one_step differs from the model on the whole sequence by ?; {PURE}")


def test_a_class_that_a_file_cannot_name():
    class Broken(IndependentCell):
        pass

    with pytest.raises(AssertionError) as raised:
        check_cell(Broken(4), 3)
    begins = "Broken: deserialize_keras_object(serialize_keras_object(cell)) raises TypeError: Could not locate class"
    assert str(raised.value).startswith(begins)
    assert str(raised.value).endswith('register_keras_serializable("your_package") above class Broken.')


@pytest.mark.long  # every day: a class that a file cannot name
def test_a_class_of_the_program_itself_that_is_not_registered():
    class Broken(IndependentCell):
        __module__ = "__main__"

    so = "another program could not load a model with this cell from a file; write "
    fails(Broken(4), so + '@keras.saving.register_keras_serializable("your_package") above class Broken')


def chance_in_build(self, x_t_shape):
    IndependentCell.build(self, x_t_shape)
    self.table = np.random.default_rng().normal(size=self.units).astype("float32")


OUTSIDE = "every number that it computes with must be a weight, or an argument in get_config"


def test_numbers_that_no_file_keeps():
    cell = broken(build=chance_in_build, readout=lambda self, states: states[0] * self.table)(4)
    fails(cell, f"a model loaded from a .keras file differs from the saved model by ?; {OUTSIDE}")


@pytest.mark.long  # every day: numbers that no file keeps
def test_numbers_that_a_clone_does_not_get():
    def save_own_variables(self, store):
        IndependentCell.save_own_variables(self, store)
        store["table"] = self.table

    def load_own_variables(self, store):
        self.table = np.array(store["table"])
        IndependentCell.load_own_variables(self, {name: store[name] for name in store.keys() - {"table"}})

    cell = broken(
        build=chance_in_build,
        readout=lambda self, states: states[0] * self.table,
        save_own_variables=save_own_variables,
        load_own_variables=load_own_variables,
    )(4)
    fails(cell, f"a clone_model with the same weights differs by ?; {OUTSIDE}")


@pytest.mark.long  # every day: a state of another dtype
def test_a_step_in_float32_whatever_the_cell_computes_in():
    cell = broken(
        advance=lambda self, z_t, states: [ops.cast(IndependentCell.advance(self, z_t, states)[0], "float32")]
    )
    fails(cell(4), "a step returns float32, the cell computes in float16; cast to compute_dtype")


@pytest.mark.long
def test_squares_too_large_for_half_precision():
    def advance(self, z_t, states):
        [a_prev] = states
        size = ops.sqrt(ops.sum(ops.square(300 * z_t), axis=-1, keepdims=True))
        return [ops.tanh(300 * z_t / size + self.u * a_prev)]

    so = "in mixed_float16 it differs from float32 by ?; "
    fails(broken(advance=advance)(4), so + "do divisions and long sums in float32")


class DropsInside(BasicRNNCell):
    """A layer of Keras in a part, that draws by chance in training alone."""

    def __init__(self, units, **kwargs):
        self.inner = keras.layers.Dropout(0.5)
        super().__init__(units, **kwargs)
        self.inner.build((None, units))

    def project(self, x):
        return self.inner(super().project(x))


def test_chance_in_a_part_is_found_though_it_acts_in_training_alone():
    with pytest.raises(AssertionError, match=r"DropsInside: .*changes a variable in project.*seed of a random number"):
        check_cell(DropsInside(4), n_x=3)


@pytest.mark.long  # every day: the good cell of two states has it
def test_the_dropout_of_the_contract_is_none():
    check_cell(LeakyRNNCell(4, dropout=0.2, recurrent_dropout=0.4, seed=1), n_x=3)
