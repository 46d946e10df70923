"""Runs a graph for one time step: each recurrent layer is replaced by its cell, with explicit states."""

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import keras
from keras import ops

from keras_rnn_basics.architectures.graph import Graph, Node, NoStep, Value
from keras_rnn_basics.compat import AutocastScope, GetItem, get_keras_mask, set_keras_mask


class State(NamedTuple):
    """A value that a step takes from the step before.

    Attributes:
        name: the name of the step's input.
        shape: the shape without the batch axis.
        dtype: the dtype of both the input and the output.
        source: the value of the model with which it begins, or `None`.
        initial: B -> (B, *shape), used if there is no source.
    """

    name: str
    shape: tuple
    dtype: str
    source: Value | None
    initial: Callable[[Any], Any]


class Stepped:
    """A graph, and those of its inputs that are sequences to read one step at a time.

    Attributes:
        graph: the graph.
        sequences: its inputs that are read step by step.
        stepped: every value that depends on these sequences.
        needed: values that do not depend on them, and that the steps read unchanged.
        states: the states by key, filled by the first `step`.
    """

    def __init__(self, graph: Graph, sequences: list[Value]) -> None:
        self.graph, self.sequences = graph, sequences
        self._fixed = {value.shape[1] for value in sequences} - {None}
        # A value that is repeated at every step is given as one unchanging value.
        repeats = [node.outputs[0] for node in graph.nodes if _repeats(node, self.T)]
        self._repeated = graph.reached().intersection(repeats) - graph.depend_on(sequences)
        self.stepped = graph.depend_on([*sequences, *self._repeated])
        self.nodes = [
            (at, node)
            for at, node in enumerate(graph.nodes)
            if self.stepped.intersection(node.inputs) or self._repeated.intersection(node.outputs)
        ]
        recurrent = [at for at, node in self.nodes if node.recurrent]
        alone = len(recurrent) == 1
        self._letters = {at: "" if alone else f"_{number}" for number, at in enumerate(recurrent, start=1)}
        read = [value for _, node in self.nodes for value in (_read(node) if node.recurrent else node.inputs)]
        self.needed = [value for value in dict.fromkeys([*read, *graph.outputs]) if value not in self.stepped]
        self.states: dict[Any, State] = {}
        self._names = {value.name for value in graph.inputs} | {self.name_of(value) for value in sequences}

    def name_of(self, sequence: Value) -> str:
        """The name of one time step of a sequence."""
        return "x_t" if len(self.sequences) == 1 else f"{sequence.name}_t"

    @property
    def T(self) -> int | None:
        """The fixed length of the sequences, or None."""
        return next(iter(self._fixed), None)

    def step(self, steps: list, static: dict, before: dict, watch: Any = None) -> tuple[list, dict]:
        """[(B, ...)], tensors by value, states by key -> the answers [(B, ...)], the new states by key.

        Args:
            steps: one time step of each of the sequences.
            static: the values that do not change from step to step: `needed`, and the sources of states that are not in
                `before`.
            before: the states. A state that is not in it gets its initial value, and is added to `states`.
            watch: a function that is called with each node's number and outputs.

        Raises:
            NoStep: with the first node that cannot work on a single step.
        """
        run = _Run(static, before, ops.shape(steps[0])[0])
        for value, x_t in zip(self.sequences, steps):
            run.tensors[value] = run.in_time(x_t)
            run.timed.add(value)
        for at, node in self.nodes:
            try:
                outputs = self._run(at, node, run)
            except NoStep as error:
                raise NoStep(str(error), at) from error
            except Exception as error:  # each backend has its own error classes for inputs that a layer cannot read
                reason = f"its {node.described} cannot read a single time step ({type(error).__name__})"
                raise NoStep(reason, at, node) from error
            if watch:
                watch(at, outputs)
            self._note(node, outputs, run)
        answers = [run.tensors[value] for value in self.graph.outputs]
        answers = [run.only(y) if value in run.timed else y for value, y in zip(self.graph.outputs, answers)]
        return answers, run.after

    def _run(self, at, node, run):
        operation = node.operation
        if isinstance(operation, keras.layers.Bidirectional) or getattr(operation, "go_backwards", False):
            raise NoStep(f"its layer {operation.name} reads from the end, which is not known yet")
        if getattr(operation, "stateful", False):
            raise NoStep(
                f"its layer {operation.name} is stateful. "
                "Give its weights to a model that is not stateful: other.set_weights(model.get_weights())"
            )
        if node.recurrent:
            return self._recur(at, node, run)
        if self._repeated.intersection(node.outputs):
            run.timed.update(node.outputs)
            return [ops.expand_dims(run.tensors[node.inputs[0]], 1)]
        if node.inputs and node.inputs[0] in run.timed:
            if isinstance(operation, GetItem):
                node = self._take(node, run)
            elif isinstance(operation, keras.layers.Cropping1D):
                first, last = operation.cropping
                if last:
                    raise NoStep(f"its {node.described} leaves out the end, which is not known yet")
                return self._late(node, first, run)
        return node.run(run.tensors)

    def _note(self, node, outputs, run):
        """Notes the tensors of the outputs, whether they have a time axis, and how many steps late they come."""
        late = max((run.late.get(value, 0) for value in node.inputs), default=0)
        timed = not run.timed.isdisjoint(node.inputs)
        for value, tensor in zip(node.outputs, outputs):
            run.tensors[value] = tensor
            run.late[value] = max(late, run.late.get(value, 0))
            one = len(tensor.shape) > 1 and tensor.shape[1] == 1
            if timed and one and (self.T == 1 or value.shape[1] != 1):
                run.timed.add(value)

    # Slices of time.

    def _take(self, node, run):
        """`y[:, key]` -> the same for one step: a later beginning delays the outputs; the last step is the newest."""
        x, key = node.args
        rank, key = len(x.shape), list(key) if isinstance(key, (tuple, list)) else [key]
        if Ellipsis in key and None not in key:
            at = key.index(Ellipsis)
            key[at : at + 1] = [slice(None)] * (rank - len(key) + 1)
        if len(key) < 2 or key[0] != slice(None):
            return node
        wanted, T = key[1], None if self.T is None else x.shape[1]
        whole = isinstance(wanted, slice) and wanted.stop in (None, T) and wanted.step in (None, 1)
        if whole and (wanted.start or 0) >= 0:
            key[1] = slice(None)
            run.late[node.outputs[0]] = run.late.get(x, 0) + (wanted.start or 0)
        elif whole:
            key[1] = slice(None)
            run.late[node.outputs[0]] = float("inf") if T is None else run.late.get(x, 0) + max(0, T + wanted.start)
        elif wanted == -1 or (isinstance(wanted, int) and T is not None and wanted == T - 1):
            key[1] = 0
        elif isinstance(wanted, (int, slice)):
            raise NoStep(
                f"its {node.described} takes the time steps [{_written(wanted)}] out of a sequence, "
                "which are not the newest steps"
            )
        return node._replace(args=(x, tuple(key)))

    def _late(self, node, first, run):
        [x] = node.inputs
        run.late[node.outputs[0]] = run.late.get(x, 0) + first
        return [run.tensors[x]]

    # Recurrent layers.

    def _recur(self, at, node, run):
        layer, (x, initial, mask, lengths) = node.operation, node.sequence()
        late = run.late.get(x, 0)
        x, begun = run.tensors[x], self._begun(node, late, run)
        if x.shape[1] not in (1, None):
            raise NoStep(f"its {node.described} gets {x.shape[1]} time steps for each step that is read")
        carried = get_keras_mask(x) if mask is None else run.tensors[mask]
        alone = initial is None or "sequences_mask" in inspect.signature(layer.call).parameters
        mask = carried if mask is not None or alone else None
        if lengths is not None:
            mask = carried = self._steps_read(run) - late < run.tensors[lengths][:, None]
        on = None if mask is None else ops.cast(run.only(mask), "bool")
        on = on if begun is None else begun if on is None else ops.logical_and(on, begun)

        cell = layer.cell
        structure = layer.get_initial_state(1) if initial is None else initial
        sources = keras.tree.flatten(structure)
        before = [self._state(at, slot, layer, sources, run) for slot, _ in enumerate(sources)]
        training = {"training": False} if "training" in inspect.signature(cell.call).parameters else {}
        x_t = run.only(x)
        x_t = ops.cast(x_t, layer.compute_dtype) if _is_float(x_t) else x_t
        own = [ops.cast(state, cell.compute_dtype) for state in before]
        y_t, after = cell(x_t, keras.tree.pack_sequence_as(structure, own), **training)
        after = keras.tree.flatten(after)
        answers_with_its_state = y_t is after[0]  # as Keras' own cells do
        after = [ops.cast(new, old.dtype) for new, old in zip(after, before)]
        y_t = ops.cast(y_t, layer.compute_dtype)
        if on is not None:
            # A masked step keeps the states ...
            after = [ops.where(_beside(on, new), new, old) for new, old in zip(after, before)]
        if mask is not None:
            y_t = self._masked(at, layer, y_t, after, on, answers_with_its_state, run)
        run.after.update(((at, slot), state) for slot, state in enumerate(after))
        if layer.return_sequences:
            y_t = run.in_time(y_t)
            if carried is not None:
                set_keras_mask(y_t, carried)
        return [y_t, *(ops.cast(state, layer.compute_dtype) for state in after)] if layer.return_state else [y_t]

    def _masked(self, at, layer, y_t, after, on, answers_with_its_state, run):
        """... and gives the output that follows from the kept states, or, if none follows, the last output again."""
        if layer.zero_output_for_mask:
            return ops.where(_beside(on, y_t), y_t, ops.zeros_like(y_t))
        if getattr(layer.cell, "step_by_step", "no RecurrentCell") is None:
            with AutocastScope(layer.cell.compute_dtype):
                y_t = layer.cell.readout([ops.cast(state, layer.cell.compute_dtype) for state in after])
            return ops.cast(y_t, layer.compute_dtype)
        if answers_with_its_state:
            return ops.cast(after[0], layer.compute_dtype)
        y_prev = self._keep(at, "y", f"y{self._letters[at]}", y_t.shape[1:], y_t.dtype, run)
        run.after[at, "y"] = ops.where(_beside(on, y_t), y_t, y_prev)
        return run.after[at, "y"]

    def _begun(self, node, late, run):
        """(B,): whether a sequence that comes k steps late has begun; `None` if it is not late."""
        if not late:
            return None
        if late == float("inf"):
            raise NoStep(f"its {node.described} reads only the last steps, which are not known before the end")
        return self._steps_read(run)[:, 0] >= late

    def _steps_read(self, run):
        """(B, 1): the number of steps before this one."""
        read = self._keep("steps", 0, "steps_read", (1,), "int32", run)
        run.after["steps", 0] = read + 1
        return read

    def _state(self, at, slot, layer, sources, run):
        own, name = sources[slot], f"a{self._letters[at]}" + (f"_{slot + 1}" if len(sources) > 1 else "")
        if not isinstance(own, Value):

            def initial(B):
                return keras.tree.flatten(layer.get_initial_state(B))[slot]

            return self._keep(at, slot, name, own.shape[1:], layer.cell.compute_dtype, run, None, initial)
        if own in self.stepped:
            raise NoStep(
                f"the initial state of its layer {layer.name} is computed from the sequence that is read step by step"
            )
        if own in self.graph.inputs and all(own is not state.source for state in self.states.values()):
            name = own.name
        return self._keep(at, slot, name, own.shape[1:], own.dtype, run, own)

    def _keep(self, at, slot, name, shape, dtype, run, source=None, initial=None):
        """The state before this step."""
        key, shape, dtype = (at, slot), tuple(shape), keras.backend.standardize_dtype(dtype)
        if key not in self.states:
            if source is None or name != source.name:
                name = self.unused(name)
            self.states[key] = State(name, shape, dtype, source, initial or (lambda B: ops.zeros((B, *shape), dtype)))
        if key not in run.before:
            run.before[key] = self.states[key].initial(run.B) if source is None else run.tensors[source]
        return run.before[key]

    def unused(self, name: str) -> str:
        """A name that no input of the step has yet."""
        while name in self._names:
            name += "_"
        self._names.add(name)
        return name


class _Run:
    """One step while it runs: the tensors by value, which of them have a time axis, and how late they are."""

    def __init__(self, static, before, B):
        self.tensors, self.before, self.B = dict(static), dict(before), B
        self.timed, self.late, self.after = set(), {}, {}
        self._in_time = {}

    def in_time(self, x_t):
        """(B, ...) -> (B, 1, ...)."""
        x = ops.expand_dims(x_t, 1)
        self._in_time[id(x)] = x, x_t
        return x

    def only(self, x):
        """(B, 1, ...) -> (B, ...): what `in_time` was given, or the only step of another tensor."""
        _, x_t = self._in_time.get(id(x), (x, None))
        if x_t is not None:
            return x_t
        # Where it is known that there is one step, this is less work than a slice.
        return ops.squeeze(x, 1) if x.shape[1] == 1 else x[:, 0]


def _read(node: Node):
    """The values that a recurrent layer reads at every step, that is, without its initial states."""
    x, _, mask, lengths = node.sequence()
    return [own for own in (x, mask, lengths) if isinstance(own, Value)]


def _repeats(node, T):
    return isinstance(node.operation, keras.layers.RepeatVector) and node.operation.n == T


def _is_float(tensor):
    return keras.backend.is_float_dtype(keras.backend.standardize_dtype(tensor.dtype))


def _beside(on, tensor):
    """(B,) -> (B, 1, ...), of the rank of the tensor."""
    return ops.reshape(on, (-1, *[1] * (len(tensor.shape) - 1)))


def _written(wanted):
    if isinstance(wanted, int):
        return wanted
    return ":".join("" if n is None else str(n) for n in (wanted.start, wanted.stop, wanted.step)).removesuffix(":")
