import bz2
import gzip
import lzma
import tracemalloc
import zipfile
from itertools import pairwise

import numpy as np
import pytest

from keras_rnn_basics import Vocabulary
from keras_rnn_basics.datasets import sentences
from keras_rnn_basics.datasets.sentences import Text

LINES = "".join(f"Line {number}: the quick brown fox, déjà vu.\n" for number in range(2000))


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "own.txt"
    path.write_text(LINES, encoding="utf-8")
    return path


def read(texts):
    return ["".join(text) for text in texts]


def test_no_play_is_in_two_parts_and_only_speech_is_read():
    texts = sentences.load()
    names = [{text.name for text in part} for part in (texts.train, texts.validation, texts.test)]
    assert [len(part) for part in names] == [30, 4, 4]
    assert len(set.union(*names)) == 38
    for play in read(texts.validation):
        assert not set("#*_[]\\") & set(play)
        assert "ACT I" not in play
        assert "\n\n\n" not in play
        assert "  " not in play


def test_the_draw_of_the_held_out_plays_follows_the_seed():
    assert sentences.load(seed=1).test == sentences.load(seed=1).test
    assert sentences.load(seed=1).test != sentences.load(seed=2).test


PLAY = """# A Play

## ACT I

### SCENE I. A street.

_Enter ANNA and a
Servant, running_

**ANNA** /
Stay, _[To Servant]_ or go. /
_[Aside]_ /
I \\--care not.

**SERVANT** /
_\\[Within]_ /
*Hark!*

_Exit_

*[Reads.]* /
A letter.
""".replace(" /", "  ")  # two spaces break a line in Markdown


def test_a_play_is_its_speeches_under_their_speakers_names(tmp_path):
    (tmp_path / "play.md").write_text(PLAY)
    [spoken] = read([Text("play", tmp_path / "play.md", play=True)])
    assert spoken == "ANNA:\nStay, or go.\nI --care not.\n\nA letter.\n\n"


def test_of_one_file_the_three_parts_follow_each_other_and_are_the_whole(file):
    texts = sentences.load(file)
    parts = [read(part)[0] for part in (texts.train, texts.validation, texts.test)]
    assert "".join(parts) == LINES
    assert all(part.endswith("\n") for part in parts)
    for part in parts[1:]:
        assert abs(len(part) / len(LINES) - 0.1) < 0.01


def test_whole_files_of_ten_are_held_out_and_a_folder_is_its_txt_files(tmp_path):
    for number in range(10):
        (tmp_path / f"{number}.txt").write_text(f"{number} " * 100)
    (tmp_path / "notes.md").write_text("not a text")
    with pytest.warns(UserWarning, match=r"Passed over in .*, as they do not end in \.txt.*: notes\.md\."):
        texts = sentences.load(tmp_path)
    (tmp_path / "notes.md").unlink()
    assert texts.names == tuple(f"{number}.txt" for number in range(10))
    assert [len(part) for part in (texts.train, texts.validation, texts.test)] == [8, 1, 1]
    most = sentences.load(tmp_path, held_out=0.46)
    assert [len(part) for part in (most.train, most.validation, most.test)] == [2, 4, 4]
    listed = sentences.load([tmp_path / f"{number}.txt" for number in range(10)])
    assert (listed.train, listed.test) == (texts.train, texts.test)


def test_long_lines_marks_of_order_and_line_ends_of_windows_are_read_alike(tmp_path):
    path = tmp_path / "one.txt"
    path.write_bytes(b"\xef\xbb\xbf" + "né\r\n".encode() * 50 + ("é" * 300_000).encode())
    assert "".join(Text("one", path)) == "né\n" * 50 + "é" * 300_000
    texts = sentences.load(path)
    assert "".join(read(texts.train + texts.validation + texts.test)) == "né\n" * 50 + "é" * 300_000


@pytest.mark.parametrize("n", range(27, 40))
def test_a_line_without_an_end_is_cut_between_characters(n, tmp_path):
    (tmp_path / "own.txt").write_text("😀" * n, encoding="utf-8")
    texts = sentences.load(tmp_path / "own.txt")
    assert "".join(read(texts.train + texts.validation + texts.test)) == "😀" * n


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_parts_are_cut_at_the_line_ends_of_any_system(tmp_path, end):
    path = tmp_path / "own.txt"
    path.write_bytes(LINES.replace("\n", end).encode())
    texts = sentences.load(path)
    parts = [read(part)[0] for part in (texts.train, texts.validation, texts.test)]
    assert "".join(parts) == LINES
    assert all(part.startswith("Line ") and part.endswith("\n") for part in parts)


@pytest.mark.parametrize("pack", ["gz", "bz2", "xz", "zip"])
def test_a_packed_text_is_read_and_split_as_the_plain_one(tmp_path, file, pack):
    path = tmp_path / f"own.txt.{pack}"
    if pack == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
            packed.write(file, "own.txt")
    else:
        packing = {"gz": gzip, "bz2": bz2, "xz": lzma}[pack]
        path.write_bytes(packing.compress(file.read_bytes()))
    plain, own = sentences.load(file), sentences.load(path)
    assert [read(part) for part in (own.train, own.validation, own.test)] == [
        read(part) for part in (plain.train, plain.validation, plain.test)
    ]


def test_a_packed_text_is_unpacked_up_to_max_bytes_alone(tmp_path, file):
    path = tmp_path / "own.txt.gz"
    path.write_bytes(gzip.compress(file.read_bytes()))
    size = file.stat().st_size
    assert "".join(read(sentences.load(path, max_bytes=size).train))
    with pytest.raises(ValueError, match=rf"own.txt.gz holds more than {size - 1:,} bytes, unpacked"):
        sentences.load(path, max_bytes=size - 1)


GUTENBERG = {
    "of today": (
        "The Project Gutenberg eBook\r\n\r\n*** START OF THE PROJECT GUTENBERG EBOOK A\r\nTALE ***\r\n\r\n",
        "*** END OF THE PROJECT GUTENBERG EBOOK A\r\nTALE ***\r\nlicence\r\n",
    ),
    "of 2008": (
        "Title: A Tale\n***START OF THIS PROJECT GUTENBERG EBOOK A TALE***\n\n",
        "End of Project Gutenberg's A Tale, by X\n\n*** END OF THIS PROJECT GUTENBERG EBOOK A TALE ***\n",
    ),
    "of 1994": (
        "legal\n*END*THE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTS*Ver.04.29.93*END*\n\n",
        "End of The Project Gutenberg Etext of A Tale\n",
    ),
    "in German": (
        "legal\n*END THE SMALL PRINT! FOR PUBLIC DOMAIN EBOOKS*Ver.02/11/02*END*\n",
        "Ende dieses Projekt Gutenberg Etextes Faust, von Goethe\nsmall print\n",
    ),
    "in French": (
        "*** START OF PROJECT GUTENBERG EBOOK CANDIDE ***\r\n",
        "Fin du Projet Gutenberg Etext\r\nof 1998\r\n",
    ),
    "licence alone": ("", "*** END OF PROJECT GUTENBERG EBOOK A TALE ***\nlicence\n"),
    "header alone": ("*** START OF THE PROJECT GUTENBERG EBOOK A TALE ***\n", ""),
}


@pytest.mark.parametrize("kind", GUTENBERG)
def test_the_header_and_the_licence_of_gutenberg_are_cut_off_and_told(tmp_path, kind):
    header, licence = (part.encode() for part in GUTENBERG[kind])
    path = tmp_path / "tale.txt"
    path.write_bytes(header + LINES.encode() + licence)
    cut = rf"{len(header):,} bytes of header and {len(licence):,} bytes of licence are cut off"
    with pytest.warns(UserWarning, match=cut):
        texts = sentences.load(path)
    assert "".join(read(texts.train + texts.validation + texts.test)) == LINES
    assert len(texts.notes) == 1


def test_two_books_of_gutenberg_in_one_file_are_refused(tmp_path):
    header, licence = GUTENBERG["of 2008"]
    (tmp_path / "both.txt").write_text((header + LINES + licence) * 2, encoding="utf-8")
    with pytest.raises(ValueError, match=r"holds 2 books of Project Gutenberg, the second from byte .* a file of each"):
        sentences.load(tmp_path / "both.txt")


def test_a_text_that_only_speaks_of_gutenberg_is_left_whole(tmp_path):
    with_mark = GUTENBERG["of 1994"][0] + LINES + "It was the end of Project Gutenberg.\n" + LINES
    (tmp_path / "novel.txt").write_text(with_mark, encoding="utf-8")
    with pytest.warns(UserWarning, match=" 0 bytes of licence"):
        sentences.load(tmp_path / "novel.txt")
    text = LINES + "End of the Project Gutenberg?\nSTART OF THE PROJECT GUTENBERG\n" + LINES
    (tmp_path / "essay.txt").write_text(text, encoding="utf-8")
    texts = sentences.load(tmp_path / "essay.txt")
    assert "".join(read(texts.train + texts.validation + texts.test)) == text


def test_a_header_without_a_known_mark_and_formats_that_are_no_plain_text_are_told(tmp_path):
    path = tmp_path / "own.txt"
    for before, message in [
        ("The Project Gutenberg Etext of The Tempest\n", "own.txt names Project Gutenberg, but no known mark ends"),
        ("{\\rtf1\\ansi ", "own.txt is HTML, XML, RTF or JSON: its marks are read as text"),
        ('{"text": "To be"}\n', "HTML, XML, RTF or JSON"),
        ('[\n  {"text": "To be"},', "HTML, XML, RTF or JSON"),
        ("<!DOCTYPE html>", "HTML, XML, RTF or JSON"),
    ]:
        path.write_text(before + LINES, encoding="utf-8")
        with pytest.warns(UserWarning, match=message):
            sentences.load(path)


def test_files_that_are_too_short_are_left_out_beside_others(tmp_path):
    for name, text in [("a", LINES), ("b", ""), ("c", "Yes.\n")]:
        (tmp_path / f"{name}.txt").write_text(text, encoding="utf-8")
    with pytest.warns(UserWarning, match=r"Left out, as a text takes at least 100 bytes: b.txt, c.txt\."):
        assert sentences.load(tmp_path).names == ("a.txt",)


def test_a_line_end_across_two_pieces_is_one(tmp_path):
    (tmp_path / "own.txt").write_bytes(b"a" * 65_535 + b"\r\nb\rc" + b"d" * 100)
    assert "".join(Text("own", tmp_path / "own.txt")) == "a" * 65_535 + "\nb\nc" + "d" * 100


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "own.txt is empty: a text to learn from takes at least 100 bytes"),
        (b"short", "own.txt ends at byte 5: a text to learn from takes at least 100 bytes"),
        (b" \n" * 100, "own.txt holds no text between byte 0 and 200"),
        (b"a" * 150 + b"\xe9t\xe9" + b"a" * 100, "own.txt is not UTF-8 text: line 1, byte 150 is 0xe9 .*iconv"),
        (b"a" * 100_000 + "é".encode()[:1], "own.txt is not UTF-8 text: line 1, byte 100000 is 0xc3"),
        (("x" * 65_535 + "é" * 10).encode() + b"\xff", "byte 65555 is 0xff"),
        (b"a" * 119 + b"\n\0" + b"a" * 120, "own.txt is binary, not text: line 2, byte 120 is zero"),
        (
            b"\xff\xfe" + "text".encode("utf-16-le") * 50,
            "own.txt is not UTF-8 text: line 1, byte 0 is 0xff .*iconv -f UTF-16",
        ),
    ],
)
def test_a_file_that_is_no_text_is_named_with_its_byte(content, message, tmp_path):
    (tmp_path / "own.txt").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        sentences.load(tmp_path / "own.txt")


def test_paths_that_lead_nowhere_say_so(tmp_path, file):
    with pytest.raises(FileNotFoundError, match=r"There is no file .*gone.txt"):
        sentences.load(tmp_path / "gone.txt")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"holds no .txt file"):
        sentences.load(tmp_path / "empty")
    (tmp_path / "outer" / "inner").mkdir(parents=True)
    (tmp_path / "outer" / "inner" / "own.txt").write_text(LINES, encoding="utf-8")
    with pytest.raises(ValueError, match=r"or take those of the folders in it: load\(sorted\(Path\('.*outer'\).rglob"):
        sentences.load(tmp_path / "outer")
    assert sentences.load((tmp_path / "outer").rglob("*.txt")).names == ("own.txt",)
    for data, got in [(5, "int"), (b"x", "bytes"), ([file, 5], "int"), (LINES, "what seems to be its content: 'Line")]:
        with pytest.raises(ValueError, match=f"data must be a file, a folder or a list of files, got {got}"):
            sentences.load(data)
    with pytest.raises(ValueError, match="is a folder: give one folder alone"):
        sentences.load([tmp_path, file])
    with pytest.raises(ValueError, match="got an empty list"):
        sentences.load([])
    with pytest.raises(ValueError, match="names a file twice"):
        sentences.load([file, file])
    with pytest.raises(ValueError, match="seed must be an integer from 0 on, got -1"):
        sentences.load(file, seed=-1)
    with pytest.raises(ValueError, match="held_out must be a fraction"):
        sentences.load(file, held_out=0.5)
    (tmp_path / "brief.txt").write_text("a\n" + "b" * 110)
    with pytest.raises(ValueError, match="is too short to cut in three"):
        sentences.load(tmp_path / "brief.txt", held_out=0.001)


def test_encoded_texts_stand_between_their_start_and_end_tokens(file):
    texts = sentences.load(file)
    vocabulary = Vocabulary.of(texts.train[0])
    tokens = sentences.encode(texts.train + texts.test, vocabulary)
    starts, ends = np.flatnonzero(tokens == vocabulary.start), np.flatnonzero(tokens == vocabulary.end)
    assert starts.tolist() == [0, ends[0] + 1]
    assert ends[1] == len(tokens) - 1
    assert vocabulary.decode(tokens[None, 1 : ends[0]]) == read(texts.train)


def test_a_text_is_read_in_bounded_memory_and_its_tokens_lie_in_a_file(tmp_path):
    path = tmp_path / "long.txt"
    path.write_text(LINES * 100, encoding="utf-8")
    assert path.stat().st_size > 8_000_000
    tracemalloc.start()
    characters = sum(len(piece) for piece in Text("long", path))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert characters == 100 * len(LINES)
    assert peak < 1_000_000
    tokens = sentences.encode([Text("long", path, 0, 100_000)], Vocabulary.of([LINES]))
    assert isinstance(tokens, np.memmap)


def test_rows_of_stateful_batches_go_on_where_they_ended():
    tokens = np.arange(1000)
    batches = [(x.numpy(), y.numpy()) for x, y in sentences.stateful_batches(tokens, 4, 7)]
    assert len(batches) == 999 // 28
    for (x, y), (following, _) in pairwise(batches):
        np.testing.assert_array_equal(y, x + 1)
        np.testing.assert_array_equal(following[:, 0], x[:, -1] + 1)
    read = np.concatenate([x for x, _ in batches], axis=1)
    assert len(np.unique(read)) == read.size


def test_batches_say_when_the_text_is_too_short():
    with pytest.raises(ValueError, match=r"takes 33 tokens; the text has 20\. Give a longer text, or a smaller"):
        sentences.stateful_batches(np.arange(20), 4, 8)
    with pytest.raises(ValueError, match="steps must be a positive integer, got 0"):
        sentences.stateful_batches(np.arange(20), 4, 0)


def test_files_that_are_called_as_parts_are_told_to_be_texts_like_others(tmp_path):
    for name in ("train", "valid", "test"):
        (tmp_path / f"{name}.txt").write_text("To be, or not to be.\n" * 50)
    with pytest.warns(UserWarning, match=r"test\.txt, train\.txt, valid\.txt are taken for texts like any other"):
        assert len(sentences.load(tmp_path).train) == 3
