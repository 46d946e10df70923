"""Pictures of what the network is and what it learned. They draw on a given axes, and need matplotlib."""

from keras_rnn_basics.gradients import gradient_flow
from keras_rnn_basics.pictures.cell import plot_cell
from keras_rnn_basics.pictures.learning import (
    plot_activations,
    plot_attention,
    plot_forecast,
    plot_gradient_flow,
    plot_per_step_loss,
    plot_training,
)
from keras_rnn_basics.pictures.network import plot_architecture, plot_architectures, plot_backpropagation, plot_unrolled

__all__ = [
    "gradient_flow",
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
]
