"""Many in, many out, T_x != T_y: one network reads, another writes from what the first remembers."""

from typing import Any

import keras

from keras_rnn_basics.architectures.stack import features, recurrent_layers


def build_encoder_decoder(
    source_size: int,
    target_size: int,
    units: int | list[int],
    embedding_size: int = 64,
    activation: Any = "tanh",
    dropout: float = 0.0,
    recurrent_dropout: float = 0.0,
    recurrence: str = "auto",
    recompute: bool = False,
) -> keras.Model:
    """(B, T_x) source tokens, (B, T_y) target tokens -> (B, T_y, target_size) logits of each next target token.

    The encoder's last a, of each of its layers, is the decoder's a_0. This is the training graph (teacher forcing):
    `y_in` is the target moved one step later, behind a start token. Token 0 is padding, masked in both.
    The parts are `model.get_layer("encoder")` and `model.get_layer("decoder")`; `one_step` of the decoder writes.

    Args:
        source_size, target_size: the number of tokens in each vocabulary, padding included.
        units: n_a, or a list of them for deep networks.
        embedding_size: n_x, the length of the vector that stands for a token.
        activation: g.
        dropout, recurrent_dropout: fractions of each layer's x_t and a_{t-1} dropped in training.
        recurrence, recompute: how the loop over time runs, as in `BasicRNN`.

    Returns:
        An uncompiled `keras.Model`; its inputs are named "x" and "y_in".

    Raises:
        ValueError: for sizes that are not positive.

    >>> build_encoder_decoder(source_size=40, target_size=50, units=32).output_shape
    (None, None, 50)
    """
    layers = {
        "activation": activation,
        "dropout": dropout,
        "recurrent_dropout": recurrent_dropout,
        "recurrence": recurrence,
        "recompute": recompute,
    }

    x = keras.Input((None,), name="x", dtype="int32")
    read = features(x, keras.layers.Embedding(source_size, embedding_size, mask_zero=True))
    states = []
    for layer in recurrent_layers(units, None, None, return_sequences=True, **layers):
        layer.return_state = True
        read, a = layer(read)
        states.append(a)
    encoder = keras.Model(x, states, name="encoder")

    y_in = keras.Input((None,), name="y_in", dtype="int32")
    written = features(y_in, keras.layers.Embedding(target_size, embedding_size, mask_zero=True))
    handed_over = []
    for number, layer in enumerate(
        recurrent_layers(units, target_size, None, return_sequences=True, **layers), start=1
    ):
        handed_over.append(keras.Input((layer.cell.units,), name=f"a_{number}"))
        written = layer(written, initial_state=handed_over[-1])
    decoder = keras.Model([y_in, *handed_over], written, name="decoder")

    source, target = keras.Input((None,), name="x", dtype="int32"), keras.Input((None,), name="y_in", dtype="int32")
    remembered = encoder(source)
    remembered = remembered if isinstance(remembered, (list, tuple)) else [remembered]
    return keras.Model([source, target], decoder([target, *remembered]), name="encoder_decoder")
