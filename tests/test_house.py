"""What CONTRIBUTING.md says of the code is so: who uses private names, who loops over time, and who imports whom."""

import ast
import re
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "keras_rnn_basics"
TREES = {
    path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
    for path in sorted(PACKAGE.rglob("*.py"))
}

PRIVATE = re.compile(r"_[a-zA-Z]\w*")  # one underscore: __init__ and its like are Python's
OF_NAMED_TUPLES = {"_asdict", "_fields", "_make", "_replace"}  # public, though they begin so
OF_PYTORCH = {"_reverse"}  # how a name in a state dict ends
LOOPS = {"TensorArray", "associative_scan", "foldl", "foldr", "fori_loop", "keras_loop", "map_fn", "scan", "while_loop"}

# Each room imports from the rows above its own alone.
ROWS = (
    {"atomic", "checks", "compat"},
    {"cell", "recurrence", "losses", "decoding", "vocabulary", "baselines", "datasets"},
    {"cells", "layer", "journal"},
    {"architectures"},
    {"gradients"},
    {"check_cell", "doctor", "exchange", "export", "page", "pictures", "training"},
    {"report", "__main__"},
)


def own_names(tree):
    """The names that a file gives to something: functions, classes, arguments, variables and attributes."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and of_self(node.value):
            yield node.attr


def of_self(node):
    return isinstance(node, ast.Name) and node.id in ("self", "cls")


def used_names(tree):
    """(line, name) of every attribute, of what is imported, and of every text that could name an attribute."""
    pieces = {id(piece) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for piece in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield node.lineno, node.attr
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in pieces:
            yield node.lineno, node.value


def private_modules(tree):
    """(line, module) of what is imported from Keras' or TensorFlow's inside."""
    for node in ast.walk(tree):
        modules = []
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            modules = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Attribute):
            modules = [ast.unparse(node)]
        inside = r"(keras\.src|tensorflow\.(python|core|compiler)|tf\.python)\b"
        yield from ((node.lineno, module) for module in modules if re.match(inside, module))


def private_uses(tree, known):
    named = [(line, name) for line, name in used_names(tree) if PRIVATE.fullmatch(name)]
    return [(line, name) for line, name in named if name not in known | OF_NAMED_TUPLES | OF_PYTORCH] + [
        *private_modules(tree)
    ]


KNOWN = {name for tree in TREES.values() for name in own_names(tree)}


def test_private_names_of_keras_and_tensorflow_stand_in_compat_alone():
    found = {name: private_uses(tree, KNOWN) for name, tree in TREES.items()}
    assert [name for name, uses in found.items() if uses] == ["compat.py"], found
    assert len(found["compat.py"]) > 5


def test_a_private_name_would_be_found_however_it_is_written():
    for line in (
        "model._flatten_layers()",
        "self._maybe_reset_dropout_masks(cell)",
        "getattr(x, '_keras_mask', None)",
        "from keras.src.backend import rnn",
        "from keras import src",
        "import keras.src.backend",
        "keras.src.backend.rnn(step)",
        "from tensorflow.python.ops import control_flow_util",
        "from keras import _tf_keras",
        "x._keras_mask = mask",
    ):
        assert private_uses(ast.parse(line), KNOWN), line
    assert private_uses(ast.parse("self._own = keras.ops.ones(3); self._own; call._replace(name='a')"), {"_own"}) == []


def test_only_the_recurrence_and_the_decoding_hold_a_compiled_loop_over_time():
    found = {name for name, tree in TREES.items() for _, used in used_names(tree) if used in LOOPS}
    rooms = {next((room for room in ("recurrence", "decoding") if name.startswith(f"{room}/")), name) for name in found}
    # compat hands on the loop of Keras; an epoch's program loops over batches.
    assert rooms == {"recurrence", "decoding", "compat.py", "training/epoch.py"}


def test_python_steps_through_time_only_to_compare_to_differentiate_and_in_a_baseline():
    """Such a loop is recognised by the letter t, which the package has for a time step."""
    loops = {name: [node for node in ast.walk(tree) if isinstance(node, ast.For)] for name, tree in TREES.items()}
    found = {name for name, own in loops.items() for loop in own if ast.unparse(loop.target) == "t"}
    assert found == {"architectures/step_check.py", "baselines/filters.py", "check_cell/sequence.py", "gradients.py"}


def imported_rooms(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "keras_rnn_basics":
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("keras_rnn_basics."):
            yield node.module.split(".")[1]


def test_imports_point_one_way():
    row_of = {room: number for number, rooms in enumerate(ROWS) for room in rooms}
    upwards = []
    for name, tree in TREES.items():
        room = name.split("/")[0].removesuffix(".py")
        if room != "__init__":
            others = set(imported_rooms(tree)) - {room}
            upwards += [(name, other) for other in sorted(others) if row_of[other] >= row_of[room]]
    assert upwards == []
