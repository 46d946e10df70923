"""Recurrent networks for Keras around one cell with explicit, shared weights."""

from typing import TYPE_CHECKING, Any

from keras_rnn_basics.architectures import (
    build_encoder_decoder,
    build_ensemble,
    build_many_to_many,
    build_many_to_one,
    build_one_to_many,
    build_one_to_one,
    one_step,
)
from keras_rnn_basics.cell import BasicRNNCell, RecurrentCell, Weight
from keras_rnn_basics.cells import LayerNormRNNCell, LeakyRNNCell
from keras_rnn_basics.check_cell import check_cell
from keras_rnn_basics.doctor import doctor
from keras_rnn_basics.exchange import from_keras, from_torch, to_keras, to_torch
from keras_rnn_basics.export import export_litert, export_onnx, export_saved_model, load_saved_model
from keras_rnn_basics.layer import BasicRNN
from keras_rnn_basics.losses import SumOverTime, per_step_loss
from keras_rnn_basics.page import write_page
from keras_rnn_basics.report import Report, publish
from keras_rnn_basics.training import fit, fit_ensemble
from keras_rnn_basics.vocabulary import Vocabulary

__version__ = "0.1.0"

__all__ = [
    "BasicRNN",
    "BasicRNNCell",
    "LayerNormRNNCell",
    "LeakyRNNCell",
    "RecurrentCell",
    "Report",
    "SumOverTime",
    "Vocabulary",
    "Weight",
    "__version__",
    "build_encoder_decoder",
    "build_ensemble",
    "build_many_to_many",
    "build_many_to_one",
    "build_one_to_many",
    "build_one_to_one",
    "check_cell",
    "doctor",
    "export_litert",
    "export_onnx",
    "export_saved_model",
    "fit",
    "fit_ensemble",
    "from_keras",
    "from_torch",
    "gradient_flow",
    "load_saved_model",
    "one_step",
    "per_step_loss",
    "plot_activations",
    "plot_architecture",
    "plot_architectures",
    "plot_attention",
    "plot_backpropagation",
    "plot_cell",
    "plot_forecast",
    "plot_gradient_flow",
    "plot_per_step_loss",
    "plot_training",
    "plot_unrolled",
    "publish",
    "to_keras",
    "to_torch",
    "write_page",
]

# matplotlib comes with the extra "examples", and only whoever draws needs it: the pictures are imported when one of
# their names is asked for. Type checkers and editors read the names here.
if TYPE_CHECKING:
    from keras_rnn_basics.pictures import (
        gradient_flow,
        plot_activations,
        plot_architecture,
        plot_architectures,
        plot_attention,
        plot_backpropagation,
        plot_cell,
        plot_forecast,
        plot_gradient_flow,
        plot_per_step_loss,
        plot_training,
        plot_unrolled,
    )
else:

    def __getattr__(name: str) -> Any:
        if name in __all__:
            from keras_rnn_basics import pictures

            return getattr(pictures, name)
        raise AttributeError(f"module 'keras_rnn_basics' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
