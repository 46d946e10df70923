import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import keras_rnn_basics as krb
from keras_rnn_basics.datasets import bucket_lengths, bucketed, bucketed_pairs


def ragged(rng, lengths):
    return [rng.normal(size=(length, 3)).astype("float32") + 5 for length in lengths]


@settings(max_examples=20, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 12), min_size=1, max_size=20),
    batch_size=st.integers(1, 6),
    buckets=st.integers(1, 4),
    seed=st.sampled_from([None, 0]),
)
def test_every_sequence_comes_once_padded_behind_its_end_in_few_shapes(lengths, batch_size, buckets, seed):
    x = ragged(np.random.default_rng(0), lengths)
    y = [sequence.sum(axis=1) for sequence in x]
    dataset = bucketed(x, y, batch_size, buckets, shuffle_seed=seed)
    came, shapes, count = [], set(), 0
    for batch_x, batch_y in dataset:
        count += 1
        shapes.add(tuple(batch_x.shape))
        for one_x, one_y in zip(batch_x.numpy(), batch_y.numpy()):
            length = int((one_x != 0).any(axis=1).sum())
            assert not one_x[length:].any()
            assert not one_y[length:].any()
            np.testing.assert_allclose(one_y[:length], one_x[:length].sum(axis=1), rtol=1e-5)
            came.append(one_x[:length].tobytes())
    assert sorted(came) == sorted(sequence.tobytes() for sequence in x)
    assert len(shapes) <= 2 * buckets
    assert count == dataset.cardinality()


def test_the_shuffled_order_changes_from_epoch_to_epoch_and_repeats_with_the_seed(rng):
    x = ragged(rng, rng.integers(1, 9, size=40))

    def epochs():
        dataset = bucketed(x, np.arange(40), batch_size=4, shuffle_seed=1)
        return [np.concatenate([y for _, y in dataset]).tolist() for _ in range(2)]

    first, second = epochs()
    assert first != second
    assert sorted(first) == sorted(second) == list(range(40))
    assert epochs() == [first, second]


def test_what_comes_out_of_a_bucket_is_what_the_sequence_alone_gives(rng):
    x = ragged(rng, [2, 7, 4, 7, 1, 3])
    model = krb.build_many_to_one((3,), 5, 1, frontend=keras.layers.Masking())
    alone = {float(y): np.asarray(model(sequence[None])) for y, sequence in enumerate(x)}
    for batch, answers in bucketed(x, np.arange(6), batch_size=2, buckets=3):
        for answer, y in zip(np.asarray(model(batch)), answers.numpy()):
            np.testing.assert_allclose(answer[None], alone[float(y)], atol=1e-5)


@pytest.mark.long  # fit trains on a Dataset every day
def test_fit_trains_on_buckets(rng, tmp_path):
    x = ragged(rng, rng.integers(1, 9, size=40))
    dataset = bucketed(x, [sequence.mean() for sequence in x], shuffle_seed=0)

    def build():
        model = krb.build_many_to_one((3,), 5, 1, frontend=keras.layers.Masking())
        model.compile(keras.optimizers.Adam(0.03), "mse")
        return model

    history = krb.fit(build, dataset, None, tmp_path, epochs=8, verbose=0).history["loss"]
    assert history[-1] < history[0] / 2


@settings(max_examples=20, deadline=None)
@given(
    lengths=st.lists(st.tuples(st.integers(1, 12), st.integers(2, 9)), min_size=1, max_size=20),
    batch_size=st.integers(1, 6),
    buckets=st.integers(1, 4),
    seed=st.sampled_from([None, 0]),
)
def test_every_pair_comes_once_with_targets_one_step_ahead_in_few_shapes(lengths, batch_size, buckets, seed):
    tokens = np.random.default_rng(0)
    x = [tokens.integers(1, 50, size=length).tolist() for length, _ in lengths]
    y = [[1, *tokens.integers(3, 50, size=length - 2).tolist(), 2] for _, length in lengths]
    dataset = bucketed_pairs(x, y, batch_size, buckets, shuffle_seed=seed)
    came, shapes, longest, count = [], set(), {}, 0
    for inputs, targets in dataset:
        count += 1
        batch = [array.numpy() for array in (inputs["x"], inputs["y_in"], targets)]
        assert {array.dtype for array in batch} == {np.dtype("int32")}
        shapes.add(tuple(array.shape for array in batch))
        for row in zip(*batch):
            one_x, y_in, y_out = (array[: np.count_nonzero(array)].tolist() for array in row)
            assert not any(array[np.count_nonzero(array) :].any() for array in row)
            assert y_in[1:] == y_out[:-1]
            came.append((one_x, [*y_in, y_out[-1]]))
            longest[len(row[0])] = max(longest.get(len(row[0]), 0), len(y_in))
    assert sorted(came) == sorted(zip(x, y))
    assert len(shapes) <= 2 * buckets
    assert {(of_x[1], of_y[1]) for of_x, of_y, _ in shapes} == set(longest.items())
    assert count == dataset.cardinality()


def test_pairs_come_in_the_order_in_which_bucketed_gives_their_sources(rng):
    x = [rng.integers(1, 50, size=length) for length in rng.integers(1, 9, size=40)]
    y = [[1, number + 3, 2] for number in range(40)]
    for seed in (None, 1):
        pairs, alone = bucketed_pairs(x, y, 4, 3, seed), bucketed(x, np.arange(40), 4, 3, shuffle_seed=seed)
        for _ in range(2):
            for (inputs, targets), (sources, numbers) in zip(pairs, alone):
                np.testing.assert_array_equal(inputs["x"], sources)
                np.testing.assert_array_equal(targets[:, 0] - 3, numbers)


def test_bad_pairs_say_what_would_do():
    x, y = [[5, 6], [7]], [[1, 4, 2], [1, 2]]
    with pytest.raises(
        ValueError, match=r"x\[0\]\[1\] is 0; a token must be from 1 to 2147483647, since 0 is the padding"
    ):
        bucketed_pairs([[5, 0, 6], [7]], y)
    with pytest.raises(ValueError, match=r"y\[1\]\[1\] is 0; a token"):
        bucketed_pairs(x, [[1, 2], [1, 0, 2]])
    with pytest.raises(ValueError, match=r"x\[1\]\[0\] is -7; a token"):
        bucketed_pairs([[5], [-7]], y)
    with pytest.raises(ValueError, match=r"x\[1\]\[0\] is 2147483648; a token"):
        bucketed_pairs([[5], [2**31]], y)
    with pytest.raises(ValueError, match=r"x\[1\] must be a list of integer tokens, at least 1, got \[\]"):
        bucketed_pairs([[5], []], y)
    with pytest.raises(ValueError, match=r"y\[0\] must be .* at least 2, its start and its end, got \[1\]"):
        bucketed_pairs(x, [[1], [1, 2]])
    with pytest.raises(ValueError, match=r"x\[0\] must be a list of integer tokens.* got \[0\.5\]"):
        bucketed_pairs([[0.5], [7]], y)
    with pytest.raises(ValueError, match=r"x\[0\] must be a list of integer tokens.* got 'cat'"):
        bucketed_pairs(["cat", "dog"], y)
    with pytest.raises(ValueError, match=r"x\[0\] must be a list of integer tokens.* got \[\[1, 2\]\]"):
        bucketed_pairs([[[1, 2]], [7]], y)
    with pytest.raises(ValueError, match="at least one, got 2 and 1"):
        bucketed_pairs(x, y[:1])
    with pytest.raises(ValueError, match="at least one, got 0 and 0"):
        bucketed_pairs([], [])
    with pytest.raises(ValueError, match="lists of arrays, got str and list"):
        bucketed_pairs("cat", y)
    with pytest.raises(ValueError, match="batch_size must be a positive integer, got 0"):
        bucketed_pairs(x, y, batch_size=0)
    with pytest.raises(ValueError, match="buckets must be a positive integer, got 0"):
        bucketed_pairs(x, y, buckets=0)
    with pytest.raises(ValueError, match="shuffle_seed must be an integer or None, got True"):
        bucketed_pairs(x, y, shuffle_seed=True)


def test_bad_sequences_say_what_would_do(rng):
    x = ragged(rng, [2, 3])
    with pytest.raises(ValueError, match="as many sequences as answers, at least one, got 2 and 1"):
        bucketed(x, [1])
    with pytest.raises(ValueError, match=r"Sequence 1 has the shape \(0, 3\)"):
        bucketed([x[0], x[1][:0]], [1, 2])
    with pytest.raises(ValueError, match=r"Sequence 1 has the shape \(3, 2\).*steps of the shape \(3,\)"):
        bucketed([x[0], x[1][:, :2]], [1, 2])
    with pytest.raises(ValueError, match="Step 1 of sequence 0 is all 0, as padding is"):
        bucketed([x[0] * [[1], [0]], x[1]], [1, 2])
    with pytest.raises(ValueError, match="one for each step"):
        bucketed(x, [np.ones(2), np.ones(4)])
    with pytest.raises(ValueError, match="the single number 1"):
        bucketed([1, 2], [1, 2])
    with pytest.raises(ValueError, match="lists of arrays, got list and NoneType"):
        bucketed(x, None)
    with pytest.raises(ValueError, match=r"x of int64 can hold, got 0\.5, which becomes 0"):
        bucketed([[1, 2], [3]], [0, 1], padding=0.5)
    with pytest.raises(ValueError, match="x of uint8 can hold, got -1, which becomes 255"):
        bucketed([np.array([1, 2], "uint8")], [0], padding=-1)
    with pytest.raises(ValueError, match="can hold, got nan"):
        bucketed(x, [1, 2], padding=float("nan"))
    with pytest.raises(ValueError, match=r"batch_size must be a positive integer, got 2\.0"):
        bucketed(x, [1, 2], batch_size=2.0)
    with pytest.raises(ValueError, match="shuffle_seed must be an integer or None, got 'a'"):
        bucketed(x, [1, 2], shuffle_seed="a")
    with pytest.raises(ValueError, match="buckets must be a positive integer, got 0"):
        bucket_lengths([1, 2], buckets=0)
    with pytest.raises(ValueError, match="lengths must be a list of positive integers"):
        bucket_lengths([0, 2])
    with pytest.raises(ValueError, match="lengths must be a list of positive integers"):
        bucket_lengths([1.5, 2.7])
