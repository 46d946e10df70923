"""Checks of one step of a cell: the same in a copy, right shapes, no side effects, each example separately."""

import inspect

import keras
import numpy as np
from keras import ops

from keras_rnn_basics.check_cell.subject import PURE, B, T, gap_between, shapes_of, state_shapes


def a_copy_is_the_cell(subject):
    cell = subject.cell
    copy = subject.copy(build=cell.built)
    if "dtype" not in cell.get_config():
        subject.fail("get_config does not hold the dtype; begin it with {**super().get_config(), ...}")
    advice = "put every argument of __init__ into get_config"
    own, copied = _attributes(cell), _attributes(copy)
    for name in own.keys() & copied.keys():
        if not _equal(own[name], copied[name]):
            subject.fail(
                f"get_config is incomplete: a copy made from it has {name} = {copied[name]!r}, but the cell has "
                f"{own[name]!r}; {advice}"
            )
    if not cell.built:
        return
    shapes, needed = shapes_of(cell.get_weights()), shapes_of(copy.get_weights())
    if shapes != needed:
        raise ValueError(
            f"{cell.name} was built with weights of the shapes {shapes}; for n_x = {subject.n_x} they are {needed}."
        )
    copy.set_weights(cell.get_weights())
    x_t, states = subject.x[:, 0], subject.states(copy)
    subject.same(
        cell(x_t, states),
        copy(x_t, states),
        "get_config is incomplete: a copy made from it, with the same weights, differs {gap}; " + advice,
    )


def it_builds(subject):
    unbuilt = subject.copy("float32", build=False)
    with subject.trying("declare_weights(n_x)"):
        names = getattr(unbuilt, "weight_names", [])
    for name in names:
        if getattr(unbuilt, name, None) is not None:
            subject.fail(f"the weight {name!r} has the name of another attribute; give one of them another name")
    weights = []
    for weight in subject.copy("float32").weights:
        value = ops.convert_to_numpy(weight)
        if "float" in str(weight.dtype):
            # Small enough that no unit saturates, for any number of inputs.
            spread = 0.5 / np.sqrt(len(value) if value.ndim > 1 else 4)
            value = value + subject.rng.normal(scale=spread, size=value.shape)
            value = ops.convert_to_numpy(weight.constraint(value)) if weight.constraint else value
        weights.append(value)
    subject.weights = weights


def states_keep_their_shapes(subject):
    cell = subject.copy("float32")
    said = state_shapes(cell)
    with subject.trying(f"get_initial_state({B})"):
        states = keras.layers.RNN(cell).get_initial_state(B)
    if shapes_of(states) != said:
        subject.fail(f"its first states have the shapes {shapes_of(states)}, but state_size says {said}")
    if subject.in_parts:
        with subject.trying("advance(project(x_t), states)"):
            advanced = cell.advance(cell.project(subject.x[:, 0]), states)
        if not isinstance(advanced, (list, tuple)):
            subject.fail(f"advance must return a list of states, got {type(advanced).__name__}; write [a_t]")
    with subject.trying("call(x_t, states)"):
        y_t, states = cell(subject.x[:, 0], states)
    if shapes_of(states) != said:
        subject.fail(f"a step returns states of the shapes {shapes_of(states)}, but state_size says {said}")
    size = getattr(cell, "output_size", None) or said[0][-1]
    if tuple(y_t.shape) != (B, size):
        subject.fail(
            f"its output has the shape {tuple(y_t.shape)}, but output_size says {(B, size)}; define output_size"
        )
    in_its_dtype(subject, cell, y_t, states)


def in_its_dtype(subject, cell, y_t, states):
    for tensor in keras.tree.flatten([y_t, states]):
        dtype = keras.backend.standardize_dtype(tensor.dtype)
        if dtype != cell.compute_dtype:
            subject.fail(f"a step returns {dtype}, the cell computes in {cell.compute_dtype}; cast to compute_dtype")


def the_same_twice(subject):
    cell = subject.copy("float32")
    before = cell.get_weights()
    others = [subject.parts(cell, t).values() for t in (1, 2)]
    for name, (function, given) in subject.parts(cell).items():
        answers = []
        with subject.trying(name):
            for parts in others:
                # Calls with other inputs must not influence the result.
                for other, numbers in parts:
                    other(*numbers)
                answers.append(function(*given))
        subject.same(*answers, f"{name}, called twice with the same inputs, differs {{gap}}; {PURE}")
    rnn = keras.layers.RNN(cell)
    with subject.trying("keras.layers.RNN(cell)"):
        first, again = rnn(subject.x), rnn(subject.x)
    subject.same(first, again, f"two calls with the same sequence differ {{gap}}; {PURE}")
    for weight, value in zip(cell.weights, before):
        gap = gap_between(value, weight)
        if gap:
            subject.fail(f"a step changes the weight {weight.name} {gap}; a value that changes must be a state")


def the_parts_are_the_step(subject):
    if not subject.in_parts:
        return
    cell = subject.copy("float32")
    x = ops.convert_to_tensor(np.swapaxes(subject.x, 0, 1))
    states = [subject.states(cell) for _ in range(T)]
    rule = "it must treat each step separately, along the last axis only"
    with subject.trying("project(x) of all steps at once", rule):
        z = cell.project(x)
    each = ops.stack([cell.project(x[t]) for t in range(T)])
    subject.same(each, z, f"project(x) of all steps at once differs from that of each step {{gap}}; {rule}")
    with subject.trying("readout(states) of all steps at once", rule):
        y = cell.readout([ops.stack(of_all) for of_all in zip(*states)])
    each = ops.stack([cell.readout(of_one) for of_one in states])
    subject.same(each, y, f"readout(states) of all steps at once differs from that of each step {{gap}}; {rule}")
    advanced = list(cell.advance(z[0], states[0]))
    subject.same(
        [cell.readout(advanced), advanced],
        list(cell(x[0], states[0])),
        "call(x_t, states) differs from readout(advance(project(x_t), states)) {gap}; remove call, or make the parts "
        "do the same",
    )


def each_example_by_itself(subject):
    cell = subject.copy("float32")
    for name, (function, given) in subject.parts(cell).items():
        with subject.trying(f"{name} of a batch of one"):
            rows = [keras.tree.flatten(function(*_row(given, row))) for row in range(B)]
        subject.same(
            keras.tree.flatten(function(*given)),
            [ops.concatenate(of_rows) for of_rows in zip(*rows)],
            f"{name} of an example alone differs from that in a batch {{gap}}; it must not mix the examples",
        )


def _row(given, row):
    return keras.tree.map_structure(lambda tensor: tensor[row : row + 1], given)


def _attributes(cell):
    """The attributes of a cell that not every Keras layer has, and that can be compared: numbers, words, arrays."""
    simple = (str, bool, int, float, type(None), np.ndarray)
    usual = vars(keras.layers.Layer())
    return {
        name: value
        for name, value in vars(cell).items()
        if name not in usual and all(isinstance(v, simple) or inspect.isfunction(v) for v in keras.tree.flatten(value))
    }


def _equal(one, other):
    one, other = keras.tree.flatten(one), keras.tree.flatten(other)
    return len(one) == len(other) and all(np.array_equal(a, b) for a, b in zip(one, other))
