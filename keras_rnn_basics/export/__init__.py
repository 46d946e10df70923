"""What leaves the house: one file an exit, each checked against the model before it appears."""

from keras_rnn_basics.export.litert import export_litert
from keras_rnn_basics.export.loaded import LoadedModel, load_saved_model
from keras_rnn_basics.export.onnx import export_onnx
from keras_rnn_basics.export.saved_model import export_saved_model

__all__ = ["LoadedModel", "export_litert", "export_onnx", "export_saved_model", "load_saved_model"]
