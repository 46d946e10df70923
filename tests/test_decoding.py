"""Every claim is checked against numpy: loops over the same step, the softmax itself, all sequences there are."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from everyday import cases

from keras_rnn_basics import decoding

V, N_A = 5, 3


@pytest.fixture
def network(rng):
    """A small network with a memory, as a step in TensorFlow and the same in numpy."""
    W_ax, W_aa, W_ya = rng.normal(size=(V, N_A)), rng.normal(size=(N_A, N_A)), 2 * rng.normal(size=(N_A, V))
    W_ax, W_aa, W_ya = (W.astype("float32") for W in (W_ax, W_aa, W_ya))

    def step(token, states):
        a = tf.tanh(tf.gather(W_ax, token) + states[0] @ W_aa)
        return a @ W_ya, [a]

    def in_numpy(token, a):
        a = np.tanh(W_ax[token] + a @ W_aa)
        return a @ W_ya, a

    return step, in_numpy


def log_softmax(logits):
    return logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))


def written_in_numpy(in_numpy, prompt, length, stop=None):
    """The likeliest token, again and again, one sequence at a time."""
    a, tokens, costs = np.zeros(N_A, "float32"), list(prompt), []
    for t in range(len(prompt) + length - 1):
        logits, a = in_numpy(tokens[t], a)
        if t + 1 == len(tokens):
            tokens.append(int(logits.argmax()))
        costs.append(log_softmax(logits)[tokens[t + 1]])
        if t + 1 >= len(prompt) and tokens[t + 1] == stop:
            break
    own = len(prompt)
    return tokens[own:], costs[own - 1 :], costs[: own - 1]


PROMPTS = [[1], [3, 2, 4, 1], [2, 2]]


def padded(rows, width):
    return np.array([[*row, *[0] * (width - len(row))] for row in rows])


@pytest.mark.parametrize(
    ("stop", "jit"), cases(itertools.product([None, 4], [False, True]), [(None, False), (4, True)])
)
def test_prompts_of_different_lengths_are_each_continued_as_if_alone(network, stop, jit):
    step, in_numpy = network
    lengths = [len(prompt) for prompt in PROMPTS]

    @tf.function(jit_compile=jit)
    def write(prompts, lengths):
        return decoding.write(step, prompts, lengths, [tf.zeros([3, N_A])], 6, decoding.greedy, stop)

    written = write(padded(PROMPTS, 5), np.array(lengths))
    stopped = 0
    for row, prompt in enumerate(PROMPTS):
        tokens, costs, read = written_in_numpy(in_numpy, prompt, 6, stop)
        stopped += len(tokens) < 6
        np.testing.assert_array_equal(written.tokens[row], [*tokens, *[0] * (6 - len(tokens))])
        np.testing.assert_allclose(written.log_probabilities[row], [*costs, *[0] * (6 - len(costs))], atol=1e-5)
        np.testing.assert_allclose(written.prompt_log_probabilities[row], [*read, *[0] * (4 - len(read))], atol=1e-5)
    assert stopped == (0 if stop is None else stopped)
    assert stop is None or stopped


def test_room_to_spare_changes_nothing_but_zeros_behind(network):
    step, _ = network
    given = (padded(PROMPTS, 4), np.array([1, 4, 2]), [tf.zeros([3, N_A])], 6, decoding.greedy)
    tight, spare = decoding.write(step, *given), decoding.write(step, *given, capacity=9)
    np.testing.assert_array_equal(spare.tokens[:, :6], tight.tokens)
    np.testing.assert_array_equal(spare.tokens[:, 6:], 0)
    np.testing.assert_array_equal(spare.log_probabilities[:, :6], tight.log_probabilities)


def test_reading_gives_the_states_before_the_last_token_of_each_prompt(network):
    step, in_numpy = network
    [a] = decoding.read(step, padded(PROMPTS, 5), np.array([1, 4, 2]), [tf.zeros([3, N_A])])
    for row, prompt in enumerate(PROMPTS):
        expected = np.zeros(N_A, "float32")
        for token in prompt[:-1]:
            _, expected = in_numpy(token, expected)
        np.testing.assert_allclose(a[row], expected, atol=1e-6)
    assert decoding.read(step, np.zeros((0, 3)), np.zeros(0), [tf.zeros([0, N_A])])[0].shape == (0, N_A)


def test_a_loop_without_room_takes_memory_as_it_writes(network):
    """In a graph that knows the length at its call alone; the text ends long before."""
    step, in_numpy = network

    @tf.function
    def write(length):
        return decoding.write(step, [[3, 2]], [2], [tf.zeros([1, N_A])], length, decoding.greedy, stop=4).tokens

    tokens, _, _ = written_in_numpy(in_numpy, [3, 2], 40, stop=4)
    np.testing.assert_array_equal(write(tf.constant(40))[0], [*tokens, *[0] * (40 - len(tokens))])
    np.testing.assert_array_equal(write(tf.constant(2))[0], [*tokens, 0][:2])


def test_a_length_of_zero_only_reads(network):
    step, in_numpy = network
    read = decoding.write(step, padded(PROMPTS, 4), np.array([1, 4, 2]), [tf.zeros([3, N_A])], 0, decoding.greedy)
    assert read.tokens.shape == (3, 0)
    np.testing.assert_allclose(
        read.prompt_log_probabilities[1], written_in_numpy(in_numpy, PROMPTS[1], 1)[2], atol=1e-5
    )


LOGITS = np.array([0.3, -1.0, 2.0, 0.3, 1.1], "float32")


def drawn(length=40_000, **restrictions):
    """How often each token is drawn from LOGITS."""

    @tf.function(jit_compile=True)
    def draw(uniform):
        choose = decoding.sampling(uniform, **restrictions)
        return decoding.write(lambda token, states: (LOGITS[None], states), [[0]], [1], [], length, choose).tokens

    return np.bincount(draw(decoding.uniform_numbers(5, 1, length))[0], minlength=V) / length


def softmax(logits):
    p = np.exp(logits - logits.max())
    return p / p.sum()


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_tokens_are_drawn_as_often_as_the_softmax_says(temperature):
    p = softmax(LOGITS / temperature)
    assert (np.abs(drawn(temperature=temperature) - p) < 4 * np.sqrt(p * (1 - p) / 40_000)).all()


def test_top_k_draws_among_the_k_likeliest_as_often_as_their_softmax_says():
    frequency = drawn(top_k=2)
    p = softmax(np.where([0, 0, 1, 0, 1], LOGITS, -np.inf))
    assert (np.abs(frequency - p) <= 4 * np.sqrt(p * (1 - p) / 40_000)).all()
    # The third and the fourth are equally likely: neither is left out for its place.
    assert set(np.flatnonzero(drawn(top_k=3))) == {0, 2, 3, 4}
    np.testing.assert_array_equal(drawn(1000, top_k=0), drawn(1000))
    np.testing.assert_array_equal(drawn(1000, top_k=99), drawn(1000))


@pytest.mark.parametrize("top_p", cases([0.0, 0.3, 0.6, 0.85, 0.96, 1.0], [0.0, 0.6, 0.85, 1.0]))
def test_top_p_draws_among_the_fewest_tokens_that_have_it_together(top_p):
    p = np.sort(softmax(LOGITS))[::-1]
    fewest = max(1, int((np.cumsum(p) < top_p - 1e-6).sum()) + 1) if top_p else 1
    kept = min(fewest, V)
    kept = 4 if kept == 3 else kept  # the third and the fourth are equally likely
    assert set(np.flatnonzero(drawn(top_p=top_p))) == set(np.argsort(-LOGITS, kind="stable")[:kept])


def test_a_temperature_of_zero_takes_the_likeliest():
    np.testing.assert_array_equal(drawn(100, temperature=0.0), np.eye(V)[2])


def test_the_last_uniform_number_under_one_still_draws_a_token_that_can_be():
    almost = np.nextafter(np.float32(1), np.float32(0))
    for logits in (LOGITS, np.array([1.0, 2.0, -np.inf, -np.inf], "float32"), np.zeros(1000, "float32")):
        choose = decoding.sampling(np.array([[almost]], "float32"))
        assert np.isfinite(logits[int(choose(logits[None], np.array([0]))[0])])
        choose = decoding.sampling(np.array([[0.0]], "float32"))
        assert np.isfinite(logits[::-1][int(choose(logits[None, ::-1].copy(), np.array([0]))[0])])


def test_random_numbers_are_uniform_and_the_same_in_a_graph():
    u = decoding.uniform_numbers(3, 4, 5000).numpy()
    in_a_graph = tf.function(decoding.uniform_numbers)(tf.constant(3), tf.constant(4), tf.constant(5000))
    np.testing.assert_array_equal(u, in_a_graph)
    assert 0 <= u.min() < u.max() < 1
    # Kolmogorov and Smirnov's distance, of all numbers, exceeds 1.95 / sqrt(n) once in a thousand times.
    assert np.abs(np.sort(u.ravel()) - np.arange(20_000) / 20_000).max() < 1.95 / np.sqrt(20_000)
    assert np.abs(np.corrcoef(u) - np.eye(4)).max() < 4 / np.sqrt(5000)
    assert not (u == decoding.uniform_numbers(4, 4, 5000)).numpy().all(axis=1).any()


def every_sequence(in_numpy, start, length, stop):
    """[(log p, tokens)] of all sequences that end in stop or have the length."""
    found = []

    def grow(token, a, tokens, log_p):
        if len(tokens) == length or (tokens and tokens[-1] == stop):
            found.append((log_p, tokens))
            return
        logits, a = in_numpy(token, a)
        for following, cost in enumerate(log_softmax(logits)):
            grow(following, a, [*tokens, following], log_p + cost)

    grow(start, np.zeros(N_A, "float32"), [], 0.0)
    return found


def penalised(log_p, tokens, alpha):
    return log_p / ((5 + len(tokens)) / 6) ** alpha


@pytest.mark.parametrize(
    ("alpha", "stop"),
    cases(itertools.product([0.0, 0.6, 1.0], [None, 0, 4]), [(0.0, None), (0.6, 0), (0.6, 4), (1.0, 4)]),
)
def test_a_beam_as_wide_as_all_beginnings_finds_the_best_of_all_sequences(network, alpha, stop):
    step, in_numpy = network
    beam, length = V**3, 4
    found = decoding.beam_search(step, [1, 3], [tf.zeros([2, N_A])], length, beam, stop, alpha)
    for row, start in enumerate([1, 3]):
        all_there_are = every_sequence(in_numpy, start, length, stop)
        ranked = sorted(all_there_are, key=lambda each: -penalised(*each, alpha))[:20]
        for rank, (log_p, tokens) in enumerate(ranked):
            own = [*tokens, *[0] * (length - len(tokens))]
            np.testing.assert_array_equal(found.tokens[row, rank], own)
            np.testing.assert_allclose(found.log_probabilities[row, rank], log_p, atol=1e-5)
            np.testing.assert_allclose(found.scores[row, rank], penalised(log_p, tokens, alpha), atol=1e-5)


def beam_in_numpy(in_numpy, start, length, beam, stop, alpha):
    """The same search in lists: the beam best beginnings that go on, out of the 2 beam best of all."""
    alive, ended = [(0.0, [], start, np.zeros(N_A, "float32"))], []
    for _ in range(length):
        grown = []
        for log_p, tokens, token, a in alive:
            logits, a = in_numpy(token, a)
            grown += [
                (log_p + cost, [*tokens, following], following, a) for following, cost in enumerate(log_softmax(logits))
            ]
        grown = sorted(grown, key=lambda each: -each[0])[: 2 * beam]
        ended += [(log_p, tokens) for log_p, tokens, token, _ in grown if token == stop or len(tokens) == length]
        alive = [each for each in grown if each[2] != stop][:beam]
    return sorted(ended, key=lambda each: -penalised(*each, alpha))[:beam]


@pytest.mark.parametrize(("beam", "jit"), cases(itertools.product([1, 2, 3], [False, True]), [(2, True), (3, False)]))
def test_a_narrow_beam_finds_what_the_same_search_in_lists_finds(network, beam, jit):
    step, in_numpy = network
    search = tf.function(
        lambda start: decoding.beam_search(step, start, [tf.zeros([4, N_A])], 7, beam, 4), jit_compile=jit
    )
    found = search(tf.constant([0, 1, 2, 3]))
    for start in range(4):
        for rank, (log_p, tokens) in enumerate(beam_in_numpy(in_numpy, start, 7, beam, 4, 0.6)):
            np.testing.assert_array_equal(found.tokens[start, rank], [*tokens, *[0] * (7 - len(tokens))])
            np.testing.assert_allclose(found.log_probabilities[start, rank], log_p, atol=1e-5)


def test_a_beam_wider_than_the_vocabulary_begins_with_what_there_is(network):
    step, in_numpy = network
    found = decoding.beam_search(step, [2], [tf.zeros([1, N_A])], 1, 8)
    best = sorted(every_sequence(in_numpy, 2, 1, None), key=lambda each: -each[0])
    np.testing.assert_array_equal(found.tokens[0, :V, 0], [tokens[0] for _, tokens in best])
    assert np.isneginf(found.scores[0, V:]).all()


def thinking(logit, broken_from=0):
    """A network that thinks 1 the likeliest; of its second row one logit is this from the step `broken_from` on."""

    def step(token, states):
        rows = tf.where(
            states[0] >= broken_from, tf.constant([0.0, 1.0, logit, 0.5]), tf.constant([0.0, 1.0, 0.2, 0.5])
        )
        return rows, [states[0] + 1]

    return step, [tf.constant([[-9.0], [0.0]])]


@pytest.mark.parametrize(("logit", "broken_from"), cases(itertools.product([np.nan, np.inf], [0, 2]), [(np.nan, 2)]))
def test_logits_that_are_not_finite_are_an_error_not_an_end(logit, broken_from):
    step, states = thinking(logit, broken_from)

    def write():
        return decoding.write(step, [[1], [1]], [1, 1], states, 4, decoding.greedy, stop=0)

    def search():
        return decoding.beam_search(step, [1, 1], states, 4, beam, stop=0)

    for beam, decode in ((None, write), (1, search), (2, search)):
        with pytest.raises(RuntimeError, match="answers are not finite: its weights may have diverged"):
            decode()
        with pytest.raises(tf.errors.InvalidArgumentError, match="not finite: its weights may have diverged"):
            tf.function(decode)()
        # XLA drops the assertion: there the log-probabilities say which row it is.
        compiled = np.asarray(tf.function(decode, jit_compile=True)().log_probabilities)
        np.testing.assert_array_equal(np.isnan(compiled).any(axis=1), [False, True])
        assert beam or np.isnan(compiled[1]).sum() == 4 - broken_from


def test_a_token_that_cannot_be_has_the_logit_minus_infinity_but_one_must_be_left():
    step, states = thinking(-np.inf)
    written = decoding.write(step, [[1], [1]], [1, 1], states, 3, decoding.greedy)
    np.testing.assert_array_equal(written.tokens, 1)
    found = decoding.beam_search(step, [1, 1], states, 2, 4)
    assert 2 in found.tokens[0].numpy()
    assert 2 not in found.tokens[1].numpy()
    # A prompt may hold it: its probability is zero.
    read = decoding.write(step, [[1, 2], [1, 2]], [2, 2], states, 0, decoding.greedy)
    np.testing.assert_array_equal(np.isneginf(read.prompt_log_probabilities), [[False], [True]])

    def nothing_left(token, states):
        return tf.fill([1, 4], -np.inf), states

    with pytest.raises(RuntimeError, match="not finite"):
        decoding.write(nothing_left, [[1]], [1], [], 3, decoding.greedy)


def test_a_prompt_without_tokens_is_an_error(network):
    step, _ = network
    for lengths in ([0, 2], [1, 3]):
        with pytest.raises(ValueError, match="prompt_lengths must be from 1 to P, the width of prompts, got"):
            decoding.write(step, [[1, 2], [1, 2]], lengths, [tf.zeros([2, N_A])], 3, decoding.greedy)


def test_no_rows_have_no_random_numbers():
    assert decoding.uniform_numbers(1, 0, 5).shape[0] == 0


@pytest.mark.extra
def test_a_sampler_of_keras_hub_takes_the_step(network):
    samplers = pytest.importorskip("keras_hub", reason="keras-hub is not installed").samplers
    step, in_numpy = network
    prompt = tf.constant([[1, 0, 0, 0, 0, 0]])
    mask = tf.constant([[True] + [False] * 5])
    tokens = samplers.GreedySampler()(
        decoding.keras_hub_next(step), prompt, cache=[tf.zeros([1, N_A])], index=1, mask=mask
    )
    np.testing.assert_array_equal(tokens[0], [1, *written_in_numpy(in_numpy, [1], 5)[0]])
