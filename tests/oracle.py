"""The equations and their backpropagation through time in float64 numpy; imports none of the package.

z_t = x_t W_ax + b_x + b_a,  a_t = g(z_t + a_{t-1} W_aa),  ŷ_t = a_t W_ya + b_y,  L = Σ_t L_t
"""

import numpy as np

G = {
    "tanh": (np.tanh, lambda a: 1 - a**2),
    "relu": (lambda s: np.maximum(s, 0), lambda a: (a > 0).astype(float)),
    "sigmoid": (lambda s: 1 / (1 + np.exp(-s)), lambda a: a * (1 - a)),
    "linear": (lambda s: s, np.ones_like),
}


def forward(w, x, a_0=None, mask=None, g="tanh"):
    """(B, T, n_x) -> ŷ (B, T, n_y), a (B, T, n_a). A masked step carries the state."""
    w = {name: np.asarray(value, dtype="float64") for name, value in w.items()}
    a_prev = np.zeros((len(x), len(w["W_aa"]))) if a_0 is None else np.asarray(a_0, dtype="float64")
    states = []
    for t in range(x.shape[1]):
        a_t = G[g][0](x[:, t] @ w["W_ax"] + w["b_x"] + w["b_a"] + a_prev @ w["W_aa"])
        if mask is not None:
            a_t = np.where(mask[:, t, None], a_t, a_prev)
        states.append(a_t)
        a_prev = a_t
    a = np.stack(states, axis=1)
    return a @ w["W_ya"] + w["b_y"], a


def backward(w, x, dy, a_0=None, mask=None, g="tanh"):
    """Given ∂L/∂ŷ (B, T, n_y) -> a dict of ∂L/∂ each weight, x and a_0: backpropagation through time by hand."""
    w = {name: np.asarray(value, dtype="float64") for name, value in w.items()}
    x = np.asarray(x, dtype="float64")
    a_0 = np.zeros((len(x), len(w["W_aa"]))) if a_0 is None else np.asarray(a_0, dtype="float64")
    _, a = forward(w, x, a_0, mask, g)
    grads = {name: np.zeros_like(value) for name, value in w.items()} | {"x": np.zeros_like(x)}
    da = np.zeros_like(a_0)  # ∂L/∂a_t, as it comes back from the step after
    for t in reversed(range(x.shape[1])):
        a_prev = a[:, t - 1] if t else a_0
        keep = np.ones((len(x), 1)) if mask is None else mask[:, t, None].astype(float)
        grads["W_ya"] += a[:, t].T @ dy[:, t]
        grads["b_y"] += dy[:, t].sum(axis=0)
        da = da + dy[:, t] @ w["W_ya"].T
        ds = keep * da * G[g][1](a[:, t])  # ∂L/∂(z_t + a_{t-1} W_aa)
        grads["W_ax"] += x[:, t].T @ ds
        grads["W_aa"] += a_prev.T @ ds
        grads["b_x"] += ds.sum(axis=0)
        grads["b_a"] += ds.sum(axis=0)
        grads["x"][:, t] = ds @ w["W_ax"].T
        da = ds @ w["W_aa"].T + (1 - keep) * da
    return grads | {"a_0": da}
