import runpy
import sys
import tracemalloc
from pathlib import Path
from unittest import mock

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from keras_rnn_basics.datasets import frames
from keras_rnn_basics.datasets.frames import Sequences
from keras_rnn_basics.datasets.synthetic.digits import drift


@pytest.fixture(scope="module")
def digits():
    return frames.load(batch_size=16)


def test_no_scan_is_in_two_parts_and_every_frame_shows_one_of_its_class(digits):
    scans = load_digits()
    images, used = (scans.images / 16).astype("float32"), {}
    batch = Sequences(*(part.numpy() for part in next(iter(digits.train))))
    for name, part in (("train", batch), ("validation", digits.validation), ("test", digits.test)):
        used[name] = set()
        began = np.zeros(len(part), dtype=int)
        for t in range(part.y.shape[1] + 1):
            for i in range(8):
                if t == part.y.shape[1] or (t and part.y[i, t] != part.y[i, t - 1]):
                    shown = part.x[i, began[i] : t]
                    if len(shown) > 5:
                        used[name].add(the_scan_shown(shown, images, scans.target == part.y[i, t - 1]))
                    began[i] = t
    assert all(len(own) >= 4 for own in used.values())
    assert len(set.union(*used.values())) == sum(map(len, used.values()))


def the_scan_shown(shown, images, of_the_class):
    """(t, 16, 16), (M, 8, 8), (M,) -> the one scan of the class of which every frame is what was left visible."""
    fits = of_the_class.copy()
    for frame in shown:
        cuts = np.lib.stride_tricks.sliding_window_view(frame, (8, 8)).reshape(-1, 8, 8)
        cuts = cuts[(cuts > 0).sum(axis=(1, 2)) == (frame > 0).sum()]  # nothing lies outside of the scan
        own = images[fits][:, None]
        fits[fits] = ((cuts == own) | (cuts == 0)).all(axis=(2, 3)).any(axis=1)
    assert fits.sum() == 1
    return int(np.flatnonzero(fits)[0])


@pytest.fixture(scope="module")
def blocks():
    """Many sequences of full blocks, their class told by their brightness."""
    y = np.repeat([0, 1, 2], 5)
    images = np.ones((15, 6, 6), dtype="float32") * (y + 1)[:, None, None]
    return Sequences(*drift(images, y, sequences=1000, rng=np.random.default_rng(0), length=30))


def test_sixty_percent_of_the_pixels_are_hidden_in_each_frame_anew(blocks):
    seen = blocks.x > 0
    assert seen.mean() == pytest.approx(0.4 / 4, rel=0.01)  # the block is a quarter of the field
    both = (seen[:, 1:] & seen[:, :-1]).sum() / seen[:, 1:].sum()
    assert both < 0.45  # 0.4, were no block to move


def test_one_frame_in_ten_has_another_class_each_equally_often(blocks):
    np.testing.assert_array_equal(blocks.x.max(axis=(2, 3)), blocks.y + 1)
    swapped = np.diff(blocks.y, axis=1) != 0
    assert swapped.mean() == pytest.approx(0.1, abs=0.005)
    pairs = np.stack([blocks.y[:, :-1][swapped], blocks.y[:, 1:][swapped]])
    counts = np.bincount(3 * pairs[0] + pairs[1], minlength=9).reshape(3, 3)
    np.testing.assert_allclose(counts / counts.sum(), (1 - np.eye(3)) / 6, atol=0.015)


def test_the_image_drifts_straight_on_and_turns_back_at_the_edges_alone():
    images, y = np.ones((2, 20, 20), dtype="float32"), np.array([0, 1])
    x, _ = drift(images, y, sequences=100, rng=np.random.default_rng(0), length=60)
    for shown in (x.any(axis=3), x.any(axis=2)):  # rows, columns: (N, T, 40)
        first, last = shown.argmax(axis=2), 39 - shown[:, :, ::-1].argmax(axis=2)
        assert (first.min(), last.max()) == (0, 39)
        whole = (last - first == 19).all(axis=1)  # no outermost row of a whole sequence hidden by chance
        assert whole.mean() > 0.9
        steps = np.diff(first[whole], axis=1)
        assert np.abs(steps).max() == 1
        assert np.abs(steps).mean() == pytest.approx(0.75 / 2, abs=0.05)
        for way in first[whole]:
            way = way[np.append(True, np.diff(way) != 0)]
            turns = way[1:-1][np.diff(way)[1:] != np.diff(way)[:-1]]
            assert set(turns) <= {0, 20}


def test_frames_since_the_swap_are_counted_from_the_swap_on(digits):
    folder = str(Path(__file__).parent.parent / "examples")
    with mock.patch.object(sys, "path", [folder, *sys.path]):
        example = runpy.run_path(f"{folder}/frames.py")
    y = digits.test.y
    since = example["since_swap"](y)
    for i in range(20):
        last = None
        for t in range(y.shape[1]):
            last = t if t and y[i, t] != y[i, t - 1] else last
            assert since[i, t] == (-1 if last is None else t - last)


def test_training_never_comes_again_and_the_rest_is_fixed_by_the_seed(digits):
    again, other = frames.load(batch_size=16), frames.load(batch_size=16, seed=1)
    np.testing.assert_array_equal(again.test.x, digits.test.x)
    np.testing.assert_array_equal(again.validation.y, digits.validation.y)
    assert (other.test.x != digits.test.x).any()
    assert int(again.train.cardinality()) == 500
    first, second = ([y.numpy() for _, y in again.train.take(2)] for _ in range(2))
    assert len({y.tobytes() for y in first + second}) == 4
    assert (digits.names, digits.switching_rate) == (tuple("0123456789"), 0.1)
    np.testing.assert_allclose(digits.prior, 0.1)


def test_scikit_learn_is_asked_for_only_where_its_digits_are_used(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ImportError, match=r"pip install 'keras_rnn_basics\[examples\]', or give the path of your own"):
        frames.load()
    assert frames.load(save(tmp_path)).names == ("1", "4")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch_size": 0}, "batch_size must be an integer from 1 on, got 0"),
        ({"batch_size": 2.0}, "batch_size must be an integer from 1 on, got 2.0"),
        ({"seed": -1}, "seed must be an integer from 0 on, got -1"),
        ({"max_bytes": 0}, "max_bytes must be a positive integer, got 0"),
        ({"labels": "labels.npy"}, "labels and length are of the user's own frames"),
        ({"seed": None}, "seed must be an integer from 0 on, got None"),
    ],
)
def test_bad_arguments_say_what_would_do(arguments, message):
    with pytest.raises(ValueError, match=message):
        frames.load(**arguments)


def own_arrays(N=12, T=6):
    """Frames whose first pixel is their sequence's number, the labels 1 and 4 in turns of three."""
    x = np.random.default_rng(0).integers(256, size=(N, T, 5, 4), dtype="uint8")
    x[:, :, 0, 0] = np.arange(N)[:, None]
    return {"frames": x, "labels": np.tile(np.where(np.arange(T) // 3 % 2, 4, 1), (N, 1))}


def save(tmp_path, **changed):
    path = tmp_path / "own.npz"
    arrays = {**own_arrays(), **changed}
    np.savez(path, **{name: array for name, array in arrays.items() if array is not None})
    return path


def test_your_own_npz_is_split_by_sequence(tmp_path):
    arrays, path = own_arrays(), save(tmp_path)
    own = frames.load(path, batch_size=5)
    epochs = [[(x.numpy(), y.numpy()) for x, y in own.train] for _ in range(2)]
    assert [[len(x) for x, _ in epoch] for epoch in epochs] == [[5, 3], [5, 3]]
    assert any((a != b).any() for (a, _), (b, _) in zip(*epochs))  # in a new order
    every = np.concatenate([own.validation.x, own.test.x, *(x for x, _ in epochs[0])])
    order = np.rint(every[:, 0, 0, 0] * 255).astype(int)
    assert sorted(order) == list(range(12))
    np.testing.assert_allclose(every, arrays["frames"][order] / np.float32(255), rtol=1e-6)
    assert every.dtype == np.float32
    np.testing.assert_array_equal(own.test.y, [[0, 0, 0, 1, 1, 1]] * 2)
    assert (own.names, own.switching_rate) == (("1", "4"), 1 / 5)
    np.testing.assert_allclose(own.prior, 0.5)
    assert own.source == f"{path}: 8 sequences to train, 2 to validate, 2 to test"


def test_labels_may_be_words(tmp_path):
    arrays = own_arrays()
    words = frames.load(save(tmp_path, labels=np.where(arrays["labels"] == 4, "tea", "cup")))
    assert words.names == ("cup", "tea")
    np.testing.assert_array_equal(words.test.y, frames.load(save(tmp_path)).test.y)


@pytest.mark.parametrize("shape", [(12,), (12, 1)])
def test_a_sequence_may_have_one_label(tmp_path, shape):
    own = frames.load(save(tmp_path, labels=(np.arange(12) % 2 == 0).reshape(shape)))
    assert own.names == ("False", "True")
    number = np.rint(own.test.x[:, :, 0, 0] * 255).astype(int)
    np.testing.assert_array_equal(own.test.y, number % 2 == 0)


@pytest.mark.parametrize("dtype", ["int64", "float32"])
def test_bytes_of_another_type_are_told(tmp_path, dtype):
    x = own_arrays()["frames"]
    x[0, 0, 0] = (0, 255, 0, 0)
    with pytest.warns(UserWarning, match=rf"frames of {dtype} from 0 to 255 stay so; frames.astype\('uint8'\) is sc"):
        frames.load(save(tmp_path, frames=x.astype(dtype)))
    assert not frames.load(save(tmp_path, frames=x)).notes


def test_arrays_and_others_are_refused_naming_what_writes_a_file(tmp_path):
    with pytest.raises(ValueError, match=r"data must be a folder, or a file written with np.savez\(.*, got ndarray"):
        frames.load(own_arrays()["frames"])


def test_numbers_that_are_no_bytes_stay_as_they_are_and_frames_may_have_channels(tmp_path):
    x = np.random.default_rng(0).normal(size=(12, 6, 5, 4, 3))
    own = frames.load(save(tmp_path, frames=x))
    for held_out in (*own.validation.x, *own.test.x):
        assert any(np.allclose(held_out, sequence) for sequence in x)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"frames": None}, r"has no array 'frames', only \['labels'\]; write it with np.savez"),
        ({"labels": None}, r"has no array 'labels', only \['frames'\]"),
        ({"frames": np.zeros((12, 6, 20))}, r"frames must be \(N, T, H, W\) or .* got float64 of shape \(12, 6, 20\)"),
        ({"frames": np.full((12, 6, 5, 4), "a")}, "frames must be .* numbers, got <U1"),
        ({"frames": np.zeros((0, 6, 5, 4)), "labels": np.zeros((0, 6), int)}, r"frames is empty, of shape \(0, 6"),
        ({"labels": np.ones((12, 6))}, "labels must be integers or words, one per frame, got float64"),
        ({"labels": np.full((12, 6), "cup")}, "has the one label cup on all frames: there is nothing to tell apart"),
        ({"frames": np.full((12, 6, 5, 4), 1e300)}, r"frames\[0, 0\] holds a number that is not finite in float32"),
        ({"labels": np.arange(6)}, r"labels must be \(12, 6\), .* or \(12,\), one for each sequence, got \(6,\)"),
        ({"labels": np.ones((12, 6, 2), int)}, r"got \(12, 6, 2\); labels.argmax\(-1\) undoes one-hot vectors"),
        ({"labels": np.full((12, 6), b"a")}, r"got \|S1: .* labels.astype\(str\) of bytes"),
        ({"labels": np.ones((12, 6), int)}, "has the one label 1 on all frames: there is nothing to tell apart"),
        (own_arrays(9), "has 9 sequences; training, validation and test take at least 10"),
        ({"frames": np.where(np.arange(1440).reshape(12, 6, 5, 4) == 481, np.nan, 0)}, r"frames\[4, 0\] holds a num"),
        ({"frames": np.array([[1], [1, 2]], dtype=object)}, "frames is an array of pickled Python objects.* one len"),
        ({"labels": np.array([[1], [1, 2]], dtype=object)}, "labels is an array of pickled"),
    ],
)
def test_an_npz_without_sequences_to_split_is_an_error_that_names_it(tmp_path, changed, message):
    path = save(tmp_path, **changed)
    with pytest.raises(ValueError, match=message) as error:
        frames.load(path)
    assert str(path) in str(error.value)


def test_what_is_no_npz_is_an_error_that_names_it(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"There is no file or folder .*nowhere\.npz"):
        frames.load(tmp_path / "nowhere.npz")
    path = save(tmp_path)
    content = path.read_bytes()
    broken = bytearray(content)
    broken[200:400] = bytes(200)  # the directory of the zip file is whole, what it points to is not
    for bad, message in (
        (b"", "own.npz is empty; write it with"),
        (b"frames", "own.npz is not an npz file, or it is broken"),
        (content[:-100], "own.npz is not an npz file, or it is broken"),
        (bytes(broken), "own.npz: frames cannot be read, the file is broken"),
    ):
        path.write_bytes(bad)
        with pytest.raises(ValueError, match=message):
            frames.load(path)
    with path.open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(ValueError, match=r"own.npz is not an npz file.*np.savez\(path, frames=..., labels=...\)"):
        frames.load(path)


@pytest.fixture
def videos(tmp_path):
    """Ten sequences of four gray frames, numbered 8 to 11: as words, 10 comes before 9."""
    for sequence in range(10):
        (tmp_path / f"video_{sequence}").mkdir()
        for number in range(8, 12):
            image = np.full((6, 5, 3), (10 * sequence + number) / 255)
            label = "cup" if (sequence + number) % 4 < 2 else "tea_pot"
            plt.imsave(tmp_path / f"video_{sequence}/{number}_{label}.png", image)
    (tmp_path / ".thumbnails").mkdir()
    (tmp_path / "video_3/._0008_cup.png").write_bytes(b"what a file browser left")
    return tmp_path


def test_your_own_image_folders_are_read_in_the_order_of_the_numbers(videos):
    own = frames.load(videos)
    assert own.names == ("cup", "tea_pot")
    x, y = next(iter(own.train))
    every = np.concatenate([own.validation.x, own.test.x, x])
    labels = np.concatenate([own.validation.y, own.test.y, y])
    assert every.shape[:4] == (10, 4, 6, 5)
    bytes_of = np.rint(every[:, :, 3, 2, 0] * 255).astype(int)
    sequence = (bytes_of[:, 0] - 8) // 10
    assert sorted(sequence) == list(range(10))
    np.testing.assert_array_equal(bytes_of, 10 * sequence[:, None] + np.arange(8, 12))
    np.testing.assert_array_equal(labels, (sequence[:, None] + np.arange(8, 12)) % 4 >= 2)


def spoil_size(videos):
    plt.imsave(videos / "video_4/9_cup.png", np.zeros((6, 6, 3)))


def spoil_image(videos):
    (videos / "video_4/10_tea_pot.png").write_bytes(b"")


def spoil_name(videos):
    (videos / "video_4/10_tea_pot.png").rename(videos / "video_4/ten_tea.png")


def spoil_number(videos):
    (videos / "video_4/10_tea_pot.png").rename(videos / "video_4/11_cup.png")


def spoil_length(videos):
    (videos / "video_4/10_tea_pot.png").unlink()


def spoil_folder(videos):
    (videos / "video_41").mkdir()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            spoil_size,
            r"video_4/9_cup.png is 6 x 6 pixels, .*video_0/8_cup.png is 6 x 5 pixels, .*all frames must be alike",
        ),
        (spoil_image, "video_4/10_tea_pot.png cannot be read as an image"),
        (spoil_name, "video_4/ten_tea.png is not named <number>_<label>, such as 0017_cup.png"),
        (spoil_number, "video_4/11_.* are both frame 11; each frame must have one image"),
        (spoil_length, "video_4 has 3 frames, but .*video_0 has 4: all sequences must be equally long"),
        (spoil_folder, "video_41 holds no images .* must hold one folder per sequence"),
    ],
)
def test_a_folder_without_sequences_to_split_is_an_error_that_names_the_place(videos, spoil, message):
    spoil(videos)
    with pytest.raises(ValueError, match=message):
        frames.load(videos)


def test_a_folder_without_folders_is_an_error_that_says_what_it_must_hold(tmp_path):
    with pytest.raises(ValueError, match="holds no folders; it must hold one folder per sequence"):
        frames.load(tmp_path)


def test_what_is_passed_over_is_told(videos):
    (videos / "video_3/notes.txt").write_text("no frame")
    (videos / "read_me.txt").write_text("no sequence")
    with pytest.warns(UserWarning, match=r"Passed over in .*: read_me\.txt, video_3/notes\.txt\."):
        own = frames.load(videos)
    assert len(own.notes) == 1


def test_numbers_that_are_missing_in_a_sequence_are_told(videos):
    [last] = (videos / "video_4").glob("11_*")
    last.rename(videos / "video_4/15_cup.png")
    with pytest.warns(
        UserWarning, match="video_4: numbers are missing between 10 and 15; the frames are taken to foll"
    ):
        frames.load(videos)


def test_every_other_frame_is_no_gap(videos):
    for file in sorted(videos.glob("*/[0-9]*.png"), key=lambda file: -int(file.stem.split("_")[0])):
        number, label = file.stem.split("_", 1)
        file.rename(file.with_name(f"{2 * int(number)}_{label}.png"))
    assert frames.load(videos).notes == ()


def test_labels_that_differ_by_capitals_alone_are_told(videos):
    (videos / "video_4/9_cup.png").rename(videos / "video_4/9_Cup.png")
    with pytest.warns(UserWarning, match="The labels 'Cup' and 'cup' differ by capitals"):
        assert frames.load(videos).names == ("Cup", "cup", "tea_pot")


def write_stills(folder, suffix, image_of, **options):
    """Ten sequences of two frames, labels in turn; the image of a frame is `image_of(sequence, number)`."""
    for sequence in range(10):
        (folder / f"video_{sequence}").mkdir()
        for number in range(2):
            path = folder / f"video_{sequence}/{number}_{'ab'[(sequence + number) % 2]}{suffix}"
            Image.fromarray(image_of(sequence, number)).save(path, **options)


def all_of(own):
    [(x, _)] = list(own.train)
    return np.concatenate([own.validation.x, own.test.x, x])


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_sixteen_bits_are_kept(tmp_path, suffix):
    write_stills(tmp_path, suffix, lambda i, t: np.full((3, 4), 3 * i + t + 256, "uint16"))
    every = all_of(frames.load(tmp_path, batch_size=10))
    np.testing.assert_array_equal(
        np.sort(np.rint(every[:, 0, 0, 0] * 65535)), [256 + 3 * sequence for sequence in range(10)]
    )
    np.testing.assert_allclose(every[:, 1] - every[:, 0], 1 / 65535, rtol=1e-3)


def test_sixteen_bits_of_each_colour_are_kept(tmp_path):
    import tensorflow as tf

    write_stills(tmp_path, ".png", lambda i, t: np.zeros((3, 4, 3), "uint8"))
    pixels = np.arange(36).reshape(3, 4, 3).astype("uint16") + 1000
    for file in tmp_path.rglob("*.png"):
        file.write_bytes(tf.io.encode_png(pixels).numpy())
    np.testing.assert_allclose(all_of(frames.load(tmp_path))[0, 0] * 65535, pixels, rtol=1e-6)


def test_webp_is_read_and_exif_turns_a_photograph(tmp_path):
    left_to_right = np.tile(np.arange(0, 160, 20, dtype="uint8"), (8, 1))[:, :, None].repeat(3, axis=2)[:6]
    turned = Image.Exif()
    turned[0x0112] = 6  # the camera was held on its side: turned by 90 degrees clockwise it is upright
    write_stills(tmp_path, ".webp", lambda i, t: left_to_right, exif=turned, lossless=True)
    every = all_of(frames.load(tmp_path))
    np.testing.assert_allclose(every[0, 0] * 255, np.rot90(left_to_right, -1), atol=0.01)


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".png"])
def test_an_animated_file_is_a_sequence_and_its_folder_the_label(tmp_path, suffix):
    for label in range(2):
        (tmp_path / f"label_{label}").mkdir()
        for sequence in range(5):
            brightness = 20 * sequence + 100 * label + np.arange(4)
            pictures = [Image.fromarray(np.full((5, 6, 3), own, "uint8")) for own in brightness]
            path = tmp_path / f"label_{label}/{sequence}{suffix}"
            pictures[0].save(path, save_all=True, append_images=pictures[1:], lossless=True)
    own = frames.load(tmp_path)
    assert own.names == ("label_0", "label_1")
    assert own.test.x.shape == (2, 4, 5, 6, 3)
    bytes_of = np.rint(own.test.x[:, :, 0, 0, 0] * 255)
    np.testing.assert_array_equal(np.diff(bytes_of, axis=1), 1)
    np.testing.assert_array_equal(own.test.y, np.repeat(bytes_of[:, :1] >= 100, 4, axis=1))


@pytest.mark.long
def test_a_video_is_a_sequence(tmp_path):
    iio = pytest.importorskip("imageio.v3")
    pytest.importorskip("av")
    for label, brightness in (("dark", 40), ("light", 200)):
        (tmp_path / label).mkdir()
        for sequence in range(5):
            pictures = np.full((6, 32, 32, 3), brightness, "uint8")
            iio.imwrite(tmp_path / f"{label}/{sequence}.mp4", pictures, plugin="pyav", codec="libx264")
    own = frames.load(tmp_path)
    assert own.test.x.shape == (2, 6, 32, 32, 3)
    np.testing.assert_allclose(own.test.x.mean(axis=(2, 3, 4)) * 255, np.where(own.test.y, 200, 40), atol=3)
    (tmp_path / "dark/0.mp4").write_bytes(b"no video")
    with pytest.raises(ValueError, match=r"dark/0\.mp4 cannot be read as a video"):
        frames.load(tmp_path)


def animate(path, count, size=4):
    pictures = [Image.fromarray(np.full((size, size, 3), 9 * k, "uint8")) for k in range(count)]
    pictures[0].save(path, save_all=True, append_images=pictures[1:])


def test_an_animated_frame_and_a_still_sequence_are_refused(videos, tmp_path):
    (videos / "video_4/9_cup.png").unlink()
    animate(videos / "video_4/9_cup.gif", 3)
    with pytest.raises(ValueError, match=r"9_cup\.gif holds 3 pictures, but .* must hold one folder per sequence"):
        frames.load(videos)


def test_animated_files_that_differ_are_named_with_the_first(tmp_path):
    for label in ("cup", "tea"):
        (tmp_path / label).mkdir()
        for sequence in range(5):
            animate(tmp_path / f"{label}/{sequence}.gif", 3)
    animate(tmp_path / "tea/2.gif", 4)
    with pytest.raises(
        ValueError, match=r"tea/2\.gif has 4 frames, but .*cup/0\.gif has 3: all sequences must be equally"
    ):
        frames.load(tmp_path)
    animate(tmp_path / "tea/2.gif", 3, size=5)
    with pytest.raises(ValueError, match=r"tea/2\.gif is 5 x 5 pixels, .*cup/0\.gif is 4 x 4 pixels"):
        frames.load(tmp_path)
    animate(tmp_path / "tea/2.gif", 1)
    with pytest.raises(ValueError, match=r"tea/2\.gif holds 1 picture, but .* must hold one folder per sequence"):
        frames.load(tmp_path)


def test_length_keeps_the_first_frames_of_sequences_of_any_length(videos, tmp_path):
    [last] = (videos / "video_4").glob("11_*")
    last.unlink()
    with pytest.raises(ValueError, match=r"equally long\. length=3 keeps the first frames of each"):
        frames.load(videos)
    assert frames.load(videos, length=3).test.x.shape[1] == 3
    with pytest.raises(ValueError, match=r"video_4 has 3 frames, but .*video_0 has 4"):
        frames.load(videos, length=9)
    animated = tmp_path / "animated"
    for label in ("cup", "tea"):
        (animated / label).mkdir(parents=True)
        for sequence in range(5):
            animate(animated / f"{label}/{sequence}.gif", 3 + sequence)
    np.testing.assert_allclose(frames.load(animated, length=3).test.x[0, :, 0, 0, 0] * 255, [0, 9, 18], atol=1)
    path, x = save(tmp_path), own_arrays()["frames"]
    np.testing.assert_array_equal(frames.load(path, length=4).test.x, frames.load(path).test.x[:, :4])
    with pytest.raises(ValueError, match=f"own.npz has sequences of {x.shape[1]} frames, fewer than length=7"):
        frames.load(path, length=7)


def test_a_folder_for_each_label_may_hold_a_folder_of_numbered_images_for_each_sequence(tmp_path):
    for label in ("cup", "tea"):
        for sequence in range(5):
            folder = tmp_path / label / f"{label}_{sequence}"
            folder.mkdir(parents=True)
            for number in (9, 10, 11):
                Image.fromarray(np.full((3, 3), 20 * number, "uint8")).save(folder / f"frame{number}.png")
    (tmp_path / "__MACOSX").mkdir()
    (tmp_path / "tea/notes.txt").write_text("")
    with pytest.warns(UserWarning, match=r"Passed over in .*: tea/notes\.txt\.$"):
        own = frames.load(tmp_path)
    assert own.names == ("cup", "tea")
    np.testing.assert_allclose(own.test.x[:, :, 0, 0] * 255, [[180, 200, 220]] * 2, rtol=1e-6)
    assert (own.test.y == own.test.y[:, :1]).all()
    (tmp_path / "pot").mkdir()
    with pytest.raises(ValueError, match="pot holds no images"):
        frames.load(tmp_path)
    (tmp_path / "pot").rmdir()
    folder.joinpath("frame9.png").rename(folder / "cover.png")
    with pytest.raises(ValueError, match=r"cover\.png is not named with its number, such as frame_0017\.png"):
        frames.load(tmp_path)


def test_folders_that_are_parts_of_a_split_are_refused(videos):
    (videos / "video_0").rename(videos / "train")
    (videos / "video_1").rename(videos / "test")
    with pytest.raises(ValueError, match="holds the folders test, train, which are parts of a split"):
        frames.load(videos)


def test_frames_in_an_npy_file_take_their_labels_from_another_or_an_array(tmp_path):
    arrays = own_arrays()
    for name, array in arrays.items():
        np.save(tmp_path / f"{name}.npy", array)
    plain = frames.load(save(tmp_path))
    for labels in (tmp_path / "labels.npy", arrays["labels"]):
        own = frames.load(tmp_path / "frames.npy", labels)
        np.testing.assert_array_equal(own.test.x, plain.test.x)
        np.testing.assert_array_equal(own.test.y, plain.test.y)
    with pytest.raises(ValueError, match=r"frames\.npy holds the frames alone: give their labels, labels="):
        frames.load(tmp_path / "frames.npy")
    with pytest.raises(ValueError, match=r"labels must be an array, or the path of an npy file, got list: np.array\("):
        frames.load(tmp_path / "frames.npy", [[1], [1, 2]])
    with pytest.raises(ValueError, match="labels are for an npy file of frames"):
        frames.load(tmp_path / "own.npz", arrays["labels"])
    content = (tmp_path / "frames.npy").read_bytes()
    for broken in (content[:40], content[:-9], b"\x93NUMPY\x01\x00"):
        (tmp_path / "frames.npy").write_bytes(broken)
        with pytest.raises(ValueError, match=r"frames\.npy cannot be read, the file is broken") as error:
            frames.load(tmp_path / "frames.npy", arrays["labels"])
        assert "pickle" not in str(error.value)


def test_channels_before_height_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"\(12, 6, 3, 8, 9\) seem to have the channels before .*np\.moveaxis"):
        frames.load(save(tmp_path, frames=np.zeros((12, 6, 3, 8, 9))))


def test_an_npz_is_unpacked_up_to_max_bytes_alone(tmp_path):
    path = tmp_path / "own.npz"
    np.savez_compressed(path, frames=np.zeros((12, 6, 400, 400), "uint8"), labels=own_arrays()["labels"])
    assert path.stat().st_size < 100_000
    tracemalloc.start()
    with pytest.raises(ValueError, match=r"frames takes 46,080,000 bytes of memory, more than the 46,079,999 of max_b"):
        frames.load(path, max_bytes=46_079_999)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000
    assert len(frames.load(path, max_bytes=46_080_000).test) == 2


def test_a_damaged_npz_is_never_said_to_hold_pickled_objects(tmp_path):
    path = tmp_path / "own.npz"
    content, said = save(tmp_path).read_bytes(), []
    for seed in range(200):
        rng, damaged = np.random.default_rng(seed), bytearray(content)
        for place in rng.integers(len(content), size=3):
            damaged[place] = rng.integers(256)
        path.write_bytes(damaged)
        try:
            frames.load(path)
        except ValueError as error:
            said.append(str(error))
    assert len(said) > 100
    assert all("own.npz" in message and "pickle" not in message for message in said)


def test_images_take_no_more_than_max_bytes(videos):
    with pytest.raises(ValueError, match=r"takes 19,200 bytes of memory, more than the 19,199 of max_bytes"):
        frames.load(videos, max_bytes=19_199)
    with pytest.raises(ValueError, match=r"8_cup\.png takes 480 bytes of memory, more than the 479 of max_bytes"):
        frames.load(videos, max_bytes=479)
