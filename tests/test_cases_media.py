"""Files of texts and pairs as people have them, in tests/cases: what each must give, or how it is refused."""

from pathlib import Path

import pytest

from keras_rnn_basics.datasets import dates, sentences

CASES = Path(__file__).parent / "cases"
PAIRS = [(f"Sentence number {k}.", f"Satz Nummer {k}.") for k in range(60)]


def every(pairs):
    return sorted(pairs.train + pairs.validation + pairs.test)


def test_pairs_with_ids_are_refused_naming_the_columns_of_the_sentences():
    with pytest.raises(ValueError, match=r"column 0 holds numbers such as '127\d', .* like ids .*columns=\(1, 3\)"):
        dates.load(CASES / "pairs_with_ids.tsv")


def test_pairs_with_ids_are_read_by_their_columns():
    assert every(dates.load(CASES / "pairs_with_ids.tsv", columns=(1, 3))) == sorted(PAIRS)


def test_a_header_above_the_pairs_is_refused_naming_what_reads_it():
    with pytest.raises(ValueError, match=r"line 1: 'english' and 'german' look like a header.*columns=\('english', 'g"):
        dates.load(CASES / "pairs_with_header.tsv")


def test_pairs_under_a_header_are_read_by_its_names_in_either_order():
    path = CASES / "pairs_with_header.tsv"
    assert every(dates.load(path, columns=("english", "german"))) == sorted(PAIRS[:59])
    assert every(dates.load(path, columns=("german", "english"))) == sorted((de, en) for en, de in PAIRS[:59])


def test_a_book_with_its_licence_is_its_400_lines_of_story():
    with pytest.warns(UserWarning, match=r"book of Project Gutenberg: .* bytes of header and .* bytes of licence are"):
        texts = sentences.load(CASES / "book_with_licence.txt")
    story = "".join(piece for part in (texts.train, texts.validation, texts.test) for piece in part[0])
    assert [line for line in story.splitlines() if line] == [
        f"Line {k} of the story tells of day {k}." for k in range(400)
    ]
