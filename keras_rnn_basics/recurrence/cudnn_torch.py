"""PyTorch's own fused loop, for tanh and relu: on a GPU it is cuDNN's, on a CPU the same call runs PyTorch's.

Source: PyTorch's documentation of `torch.nn.RNN`: a_t = g(x_t W_ihᵀ + b_ih + a_{t-1} W_hhᵀ + b_hh). Its two biases are
b_x and b_a of our cell.
"""

import functools
from importlib import import_module
from typing import Any

from keras_rnn_basics.recurrence import elman, plain

MODES = {"tanh": "rnn_tanh", "relu": "rnn_relu"}
HALF = ("float16", "bfloat16")


def obstacle(call):
    """What this route needs and the call does not have, or None."""
    obstacle = elman.not_elman(call.cell, MODES, "project", "advance")
    if obstacle:
        return obstacle
    if call.cell.compute_dtype in HALF and not _torch().cuda.is_available():
        return f"a GPU for {call.cell.compute_dtype}"
    return elman.not_as_one_call(call)


def plan(call):
    """(the reason to report, the function to run) for a call without an obstacle."""
    g, _ = call.cell.elman()
    name = elman.standard_name(g)
    assert name in MODES  # any other is an obstacle
    torch = _torch()
    where = "cuDNN's loop on a GPU" if torch.cuda.is_available() else "PyTorch's own loop on a CPU"
    return f"{where}, {name}, {call.cell.compute_dtype}", functools.partial(run, loop=getattr(torch, MODES[name]))


def run(cell, x, states_0, mask, a_dropout, every_step, loop):
    """(B, T, n_x), [(B, n_a)] -> (B, T, n_y) or (B, 1, n_y), [(B, n_a)]: the answers, and a_T.

    The loop takes a mask as the lengths of the sequences: padding on the right, and no sequence that is padding alone.
    For other masks, and where Keras asks for shapes alone, the plain loop runs instead.
    """
    if x.is_meta or (mask is not None and not _is_right_padding(mask)):
        return plain.run(cell, x, states_0, mask, a_dropout, every_step)
    [a_0] = states_0
    a = states(cell, x, a_0, mask, loop)
    return cell.readout([a if every_step else a[:, -1:]]), [a[:, -1]]


def states(cell, x, a_0, mask, loop):
    """(B, T, n_x), (B, n_a), (B, T) -> (B, T, n_a): a_1 .. a_T; the mask must be padding on the right."""
    torch = _torch()
    weights = _weights(cell, x.dtype)
    has_biases, layers, dropout, training, bidirectional = True, 1, 0.0, torch.is_grad_enabled(), False
    settings = (has_biases, layers, dropout, training, bidirectional)
    if mask is None:
        return loop(x, a_0[None], weights, *settings, True)[0]  # True: the batch is the first axis
    lengths = mask.sum(dim=1)
    packed = torch.nn.utils.rnn.pack_padded_sequence(x, lengths.cpu(), batch_first=True, enforce_sorted=False)
    a_0 = a_0[packed.sorted_indices]
    a, a_T = loop(packed.data, packed.batch_sizes, a_0[None], weights, *settings)
    a, _ = torch.nn.utils.rnn.pad_packed_sequence(packed._replace(data=a), batch_first=True, total_length=x.shape[1])
    # After the end of a sequence there are zeros; the state there must be that of the last step.
    return torch.where(mask[..., None], a, a_T[0][packed.unsorted_indices][:, None])


def _weights(cell, dtype):
    """W_axᵀ, W_aaᵀ, b_x, b_a: on a GPU views of one buffer, which cuDNN else copies together at every call."""
    torch = _torch()
    W_ax, W_aa, b_x, b_a = (torch.as_tensor(w.value, dtype=dtype) for w in (cell.W_ax, cell.W_aa, cell.b_x, cell.b_a))
    weights = [W_ax.T, W_aa.T, b_x, b_a]
    if not W_ax.is_cuda:
        return [w.contiguous() for w in weights]
    buffer = torch.cat([w.reshape(-1) for w in weights])
    return [own.view(w.shape) for own, w in zip(buffer.split([w.numel() for w in weights]), weights, strict=True)]


def _is_right_padding(mask):
    """(B, T) -> whether every row is True up to some step, at least the first, and False after it."""
    if mask.is_meta:
        return False
    return bool(mask[:, 0].all() and (mask[:, :-1] | ~mask[:, 1:]).all())


def _torch() -> Any:
    """Imported where it is used, and by name: where it is not installed, this file can be read all the same."""
    return import_module("torch")
