import gzip
import re
import sys
import tracemalloc
from collections import Counter
from datetime import date, timedelta

import pandas
import pytest

from keras_rnn_basics.datasets import dates

MONTHS = (
    "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "January February March April May June July August September October November December",
)
WEEKDAYS = (
    "lundi mardi mercredi jeudi vendredi samedi dimanche",
    "Monday Tuesday Wednesday Thursday Friday Saturday Sunday",
)
# How English writes a date in each style, the weekday and the month in any length.
ENGLISH = {
    "full": r"(?P<weekday>\w{6,}), (?P<month>\w+) (?P<day>\d+), (?P<year>\d{4})",
    "long": r"(?P<month>[A-Z][a-z]{3,}|May) (?P<day>\d+), (?P<year>\d{4})",
    "medium": r"(?P<month>[A-Z][a-z]{2}) (?P<day>\d+), (?P<year>\d{4})",
    "EEE, MMM d, y": r"(?P<weekday>\w{3}), (?P<month>\w{3}) (?P<day>\d+), (?P<year>\d{4})",
    "EEEE d MMMM y": r"(?P<weekday>\w{6,}) (?P<day>\d+) (?P<month>\w+) (?P<year>\d{4})",
    "y-MM-dd": r"(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)",
}
FRENCH = r"((?P<weekday>\w+) )?(?P<day>\d+) (?P<month>\w+) (?P<year>\d{4})"


@pytest.fixture(scope="module")
def pairs():
    return dates.load()


def read(sentence, pattern, months, weekdays):
    """-> the date that a sentence names, and whether it names the weekday, which must then be the date's own."""
    said = re.fullmatch(pattern, sentence).groupdict()
    month = said["month"]
    number = int(month) if month.isdigit() else [name[: len(month)] for name in months.split()].index(month) + 1
    day = date(int(said["year"]), number, int(said["day"]))
    weekday = said.get("weekday")
    assert weekday is None or weekdays.split()[day.weekday()].startswith(weekday)
    return day, weekday is not None


def read_french(sentence):
    return read(sentence, FRENCH, MONTHS[0], WEEKDAYS[0])


def write(tmp_path, content):
    path = tmp_path / "pairs.tsv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def lines(n, end="\n"):
    return "".join(f"cat {k}\tchat {k}{end}" for k in range(n))


def test_every_day_of_two_centuries_comes_once_and_no_held_out_date_is_trained_on(pairs):
    parts = [[read_french(target)[0] for _, target in part] for part in (pairs.train, pairs.validation, pairs.test)]
    assert [len(part) for part in parts] == [73_049 - 4000, 2000, 2000]
    every = [date(1900, 1, 1) + timedelta(k) for k in range(73_049)]
    assert every[-1] == date(2099, 12, 31)
    assert sorted(parts[0] + parts[1] + parts[2]) == every


def test_source_and_target_name_the_same_day_and_both_or_neither_its_weekday(pairs):
    styles = Counter()
    for sentence, target in pairs.train + pairs.validation + pairs.test:
        style = next(style for style, pattern in ENGLISH.items() if re.fullmatch(pattern, sentence))
        styles[style] += 1
        assert read(sentence, ENGLISH[style], MONTHS[1], WEEKDAYS[1]) == read_french(target)
    # May is May in both.
    assert styles.pop("long") + styles.pop("medium") == pytest.approx(73_049 / 3, rel=0.03)
    assert list(styles.values()) == pytest.approx([73_049 / 6] * 4, rel=0.03)


def test_the_seed_decides_the_pairs(pairs):
    assert dates.load() == pairs
    other = dates.load(seed=1)
    assert {read_french(target)[0] for _, target in other.test} != {read_french(target)[0] for _, target in pairs.test}


def test_another_language_is_written_by_its_name():
    pairs = dates.load(source="fr", target="de", held_out=10)
    assert (pairs.names, len(pairs.test)) == (("French", "German"), 10)
    assert "in French and German" in pairs.source
    for sentence, target in pairs.validation:
        assert sentence != target
        assert re.fullmatch(r"(\w+tag|Mittwoch, )?.*\d+\. \w+ \d{4}", target)
        assert target.endswith(re.search(r"\d{4}", sentence)[0])


@pytest.mark.long
def test_a_full_style_without_the_weekday_is_translated_without_it():
    # Volapük's own full style names no weekday; the other styles that do begin with it.
    for sentence, target in dates.load(source="vo", target="fr", held_out=10).train:
        assert read_french(target)[1] == sentence.startswith(("mu", "tu", "ve", "dö", "fr", "zä", "su"))


def test_babel_is_asked_for_only_where_dates_are_written(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "babel", None)
    with pytest.raises(ImportError, match=r"pip install 'keras_rnn_basics\[examples\]', or give the path"):
        dates.load()
    assert len(dates.load(write(tmp_path, lines(10))).train) == 8


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"source": "xx"}, "source must be a locale that Babel knows, such as 'en', .* got 'xx'"),
        ({"target": "fr-FR"}, "target must be a locale .* or 'pt_BR', got 'fr-FR'"),
        ({"target": None}, "target must be a locale .* got None"),
        ({"held_out": 0}, "held_out must be a positive integer, got 0"),
        ({"held_out": 2.0}, r"held_out must be a positive integer, got 2\.0"),
        ({"held_out": True}, "held_out must be a positive integer, got True"),
        ({"held_out": 24_350}, "held_out must be smaller than a third of the 73049 dates, got 24350"),
        ({"seed": -1}, "seed must be an integer from 0 on, got -1"),
        ({"seed": None}, "seed must be an integer from 0 on, got None"),
    ],
)
def test_bad_arguments_say_what_would_do(arguments, message):
    with pytest.raises(ValueError, match=message):
        dates.load(**arguments)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("before", ["", "\ufeff"])
@pytest.mark.parametrize("zipped", [False, True])
def test_your_own_pairs_are_read_by_path(tmp_path, end, before, zipped):
    content = before + f"Où ça ?\t  Where, then? \tCC-BY{end}{end}\t{end}" + lines(9, end)
    path = write(tmp_path, gzip.compress(content.encode()) if zipped else content)
    pairs = dates.load(path, source="French", target="English")
    every = pairs.train + pairs.validation + pairs.test
    assert sorted(every) == sorted([("Où ça ?", "Where, then?")] + [(f"cat {k}", f"chat {k}") for k in range(9)])
    assert pairs.names == ("French", "English")
    assert (
        pairs.source == f"{path}, columns 0 and 1 of 3: 10 pairs of 10 sources, 1 held out for validation, 1 for test"
    )


def test_all_pairs_of_a_source_fall_in_one_part_and_a_tenth_at_most_is_held_out(tmp_path):
    path = write(tmp_path, "".join(f"cat {k % 40}\tchat {k}\n" for k in range(100)))
    pairs = dates.load(path)
    sources = [{sentence for sentence, _ in part} for part in (pairs.train, pairs.validation, pairs.test)]
    assert [len(part) for part in sources] == [32, 4, 4]
    assert len(set.union(*sources)) == 40
    assert len(set(pairs.train + pairs.validation + pairs.test)) == 100
    assert dates.load(path) == pairs
    assert dates.load(path, seed=1).test != pairs.test
    assert len({sentence for sentence, _ in dates.load(path, held_out=3).test}) == 3


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (lines(9) + "chien dog\n", "line 10: 'chien dog' has no tab; write: source, tab, target"),
        ("\n" + lines(9) + "\tdog\n", r"a side is empty in line 11; these pairs are left out\..* has 9 pairs"),
        (lines(9) + "chien\t \tdog\n", "a side is empty in line 10"),
        (lines(9).encode() + "chien d'été\tdog".encode("latin-1"), "is not UTF-8 text: line 10, byte 125 is 0xe9"),
        ("\ufeff".encode() + lines(1).encode() + b"\xff", "line 2, byte 16 is 0xff"),
        (lines(9) + "\0", "is binary, not text: line 10, byte 117 is zero"),
        (lines(10).encode("utf-16"), "line 1, byte 0 is 0xff .*iconv -f UTF-16"),
        (gzip.compress(lines(50).encode())[:-12], "is a broken gzip file .*; pack it, or fetch it, again"),
        (b"\x1f\x8b" + b"\x08" * 40, "is a broken gzip file"),
        (b"\x1f\x8b\x08\0\0\0\0\0\0\0" + b"\xff" * 40, "is a broken gzip file"),
        ("", "is empty; write one pair per line"),
        ("\ufeff\n \n", "is empty; write one pair per line"),
        (lines(9), "has 9 pairs; training, validation and test take at least 10"),
        ("cat\tchat\ndog\tchien\n" * 5, "has 2 different source sentences; a split takes at least 3"),
    ],
)
def test_a_file_that_holds_no_pairs_to_split_is_an_error_that_names_it(tmp_path, content, message):
    path = write(tmp_path, content)
    with pytest.raises(ValueError, match=message) as error:
        dates.load(path)
    assert str(path) in str(error.value)


IDS = "".join(f"{k}\tHello, cat {k}.\t{900 + k}\tSalut, chat {k}.\n" for k in range(20))
TWO = "".join(f"Hello, cat {k}.\tSalut, chat {k}.\n" for k in range(20))
SENTENCES = sorted((f"Hello, cat {k}.", f"Salut, chat {k}.") for k in range(20))


@pytest.mark.parametrize(
    ("content", "message", "columns"),
    [
        (IDS, r"column 0 holds numbers such as '1', .* like ids .*: columns=\(1, 3\)", (1, 3)),
        (
            "id_en\ten\tid_fr\tfr\n" + IDS,
            r"column 'id_en' holds numbers such as '0', .* columns=\('en', 'fr'\)",
            ("en", "fr"),
        ),
        (
            TWO.replace("Hello", "eng\tHello").replace("Salut", "fra\tSalut"),
            r"column 0 holds 'eng' in every line; .* columns=\(1, 3\)",
            (1, 3),
        ),
        ("English\tFrench\n" + TWO, r"line 1: 'English' and 'French' look like a header", ("English", "French")),
        ("Quelle\tZiel\n" + TWO, r"line 1: .* columns=\('Quelle', 'Ziel'\) reads", ("Quelle", "Ziel")),
        ("Source sentence\tTranslation\n" + TWO, "like a header", ("Source sentence", "Translation")),
    ],
)
def test_ids_and_headers_are_refused_naming_the_columns_that_read_the_sentences(tmp_path, content, message, columns):
    path = write(tmp_path, content)
    with pytest.raises(ValueError, match=message):
        dates.load(path)
    pairs = dates.load(path, columns=columns)
    assert sorted(pairs.train + pairs.validation + pairs.test) == SENTENCES


def test_a_header_among_single_words_is_told_by_what_it_says_and_columns_by_number_take_it_for_a_pair(tmp_path):
    path = write(tmp_path, "english\tfrench\n" + "".join(f"cat{k}\tchat{k}\n" for k in range(20)))
    with pytest.raises(ValueError, match="look like a header"):
        dates.load(path)
    pairs = dates.load(path, columns=(0, 1))
    assert ("english", "french") in pairs.train + pairs.validation + pairs.test


def test_numbers_to_words_are_read_where_the_columns_are_named(tmp_path):
    path = write(tmp_path, "".join(f"{k}\tthe number {k}\n" for k in range(20)))
    with pytest.raises(ValueError, match=r"if they are the sentences, say so: columns=\(0, 1\)"):
        dates.load(path)
    assert len(dates.load(path, columns=(0, 1)).train) == 16


@pytest.mark.parametrize("delimiter", [",", ";"])
def test_csv_pairs_are_read_with_their_quotes(tmp_path, delimiter):
    path = tmp_path / "pairs.csv"
    path.write_text("".join(f'"Hello, cat {k}."{delimiter}"Salut, chat {k}."\n' for k in range(20)))
    pairs = dates.load(path)
    assert sorted(pairs.train + pairs.validation + pairs.test) == SENTENCES
    path.write_text(path.read_text() + f"Hello{delimiter} cat{delimiter}Salut\n")
    with pytest.raises(ValueError, match=r"pairs.csv, line 21 has 3 cells, the first 2: .* must stand in quotes"):
        dates.load(path)


def test_a_frame_is_read_by_its_column_names():
    frame = pandas.DataFrame({"id": range(20), "fr": [fr for _, fr in SENTENCES], "en": [en for en, _ in SENTENCES]})
    with pytest.raises(ValueError, match=r"The frame: column 'id' holds numbers .* columns=\('fr', 'en'\)"):
        dates.load(frame)
    pairs = dates.load(frame, columns=("en", "fr"))
    assert sorted(pairs.train + pairs.validation + pairs.test) == SENTENCES
    frame.loc[3, "fr"] = None
    with pytest.warns(UserWarning, match="The frame: a side is empty in row 3; these pairs are left out"):
        pairs = dates.load(frame, columns=("en", "fr"))
    assert len(pairs.train + pairs.validation + pairs.test) == 19
    with pytest.raises(ValueError, match=r"The frame has the columns \['fr'\]; a pair takes two"):
        dates.load(frame[["fr"]])


def every(path, **arguments):
    pairs = dates.load(path, **arguments)
    return sorted(pairs.train + pairs.validation + pairs.test)


def test_two_files_are_read_line_by_line_and_must_have_as_many(tmp_path):
    english, french = tmp_path / "news.en", tmp_path / "news.fr"
    english.write_text("".join(f"{en}\n" for en, _ in SENTENCES), encoding="utf-8")
    french.write_text("".join(f"{fr}\n" for _, fr in SENTENCES), encoding="utf-8")
    assert every([english, str(french)]) == SENTENCES
    with pytest.raises(ValueError, match=r"news.en, line 1: .* has no tab; .* load\(\[source_file, target_file\]\)"):
        dates.load(english)
    french.write_text("Salut.\n")
    with pytest.raises(ValueError, match=r"news.fr has 1 lines, .*news.en has more"):
        dates.load([english, french])


def test_what_anki_exports_is_read_with_its_quotes_and_its_html_is_told(tmp_path):
    above = "#separator:Semicolon\n#html:true\n#notetype column:1\n"
    path = write(tmp_path, above + "".join(f'Basic;{en};"{fr}"\n' for en, fr in SENTENCES))
    with pytest.raises(ValueError, match=r"column 0 holds 'Basic' in every line; .* columns=\(1, 2\)"):
        dates.load(path)
    assert every(path, columns=(1, 2)) == SENTENCES
    path = write(tmp_path, above + "".join(f'<b>{en}</b>;"{fr}"\n' for en, fr in SENTENCES) + "a;b;c\n")
    with pytest.raises(ValueError, match=r"line 24 has 3 cells, the first 2: .* holds ';' must stand in quotes"):
        dates.load(path)
    path = write(tmp_path, path.read_text().removesuffix("a;b;c\n"))
    with pytest.warns(UserWarning, match=r"'<b>Hello, cat 0\.</b>' seems to hold marks of HTML or doubled quotes"):
        dates.load(path)


def test_quotes_that_are_doubled_in_a_tsv_are_told_and_undone_where_its_name_ends_in_csv(tmp_path):
    content = "".join(f'"He said ""{en}"""\t{fr}\n' for en, fr in SENTENCES)
    with pytest.warns(UserWarning, match=r"pairs.tsv: .* doubled quotes, which are read as text\. \(Quotes are undone"):
        dates.load(write(tmp_path, content))
    (tmp_path / "pairs.csv").write_text(content)
    assert every(tmp_path / "pairs.csv") == [(f'He said "{en}"', fr) for en, fr in SENTENCES]


def test_lines_within_a_cell_stay_apart(tmp_path):
    (tmp_path / "pairs.csv").write_text("".join(f'"Hello,\ncat {k}.","Salut, \n chat {k}."\n' for k in range(20)))
    assert every(tmp_path / "pairs.csv") == SENTENCES


def test_semicolons_part_sentences_with_a_comma_each(tmp_path):
    (tmp_path / "pairs.csv").write_text("".join(f"{en};{fr}\n" for en, fr in SENTENCES))
    assert every(tmp_path / "pairs.csv") == SENTENCES


def test_what_excel_writes_above_a_csv_says_what_parts_its_cells(tmp_path):
    rows = [f"{en.replace(',', ';')}|{fr}\n" for en, fr in SENTENCES]
    (tmp_path / "pairs.csv").write_text("sep=|\n" + "".join(rows))
    assert every(tmp_path / "pairs.csv") == [(en.replace(",", ";"), fr) for en, fr in SENTENCES]


def test_comments_above_the_pairs_are_passed_over_and_told(tmp_path):
    path = write(tmp_path, "# DE-EN\tcompiled by hand\n# 2020\tlicence\n\n" + TWO + "# no comment\t# here\n")
    with pytest.warns(UserWarning, match=r"2 comments at its top are passed over, the first: '# DE-EN\\tcompiled"):
        assert every(path) == [("# no comment", "# here"), *SENTENCES]


def test_lines_without_tabs_are_no_columns_of_marks(tmp_path):
    with pytest.raises(ValueError, match="line 1: 'WEBVTT' has no tab"):
        dates.load(write(tmp_path, "WEBVTT\n" + "00:00.000 --> 00:01.000\n" * 60))


def test_a_column_of_languages_is_not_taken_for_sentences(tmp_path):
    rows = [f"{k}\t{('eng', 'fra')[k % 2]}\t{en}\t{fr}\n" for k, (en, fr) in enumerate(SENTENCES)]
    (tmp_path / "pairs.csv").write_text("".join(rows))  # Tatoeba's .csv has tabs
    with pytest.raises(ValueError, match=r"column 0 holds numbers .* columns=\(2, 3\)"):
        dates.load(tmp_path / "pairs.csv")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (SENTENCES, r"got list"),
        (5, r"data must be a file of pairs, .* or a frame such as pandas.DataFrame\(pairs\), got int"),
        (TWO, "got what seems to be its content: 'Hello, cat 0"),
    ],
)
def test_what_is_no_file_and_no_frame_is_refused(data, message):
    with pytest.raises(ValueError, match=message):
        dates.load(data)


@pytest.mark.parametrize("columns", [("en",), (0, "fr"), (0, 0), (-1, 0), "en", (True, False)])
def test_columns_that_are_no_two_are_refused(tmp_path, columns):
    with pytest.raises(ValueError, match="columns must be two names in the first line, or two numbers"):
        dates.load(write(tmp_path, TWO), columns=columns)


def test_columns_that_are_not_there_are_named(tmp_path):
    with pytest.raises(ValueError, match=r"has no column 'de'; its columns are \['en', 'fr'\]"):
        dates.load(write(tmp_path, "en\tfr\n" + TWO), columns=("en", "de"))
    with pytest.raises(ValueError, match="line 1 has 2 cells, but there is to be a column 5, counted from 0"):
        dates.load(write(tmp_path, TWO), columns=(0, 5))


def test_packed_pairs_take_no_more_than_max_bytes(tmp_path):
    path = write(tmp_path, gzip.compress(lines(100_000).encode()))
    tracemalloc.start()
    with pytest.raises(ValueError, match=r"takes 1,000,\d\d\d bytes of memory, more than the 1,000,000 of max_bytes"):
        dates.load(path, max_bytes=1_000_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3_000_000
    path = write(tmp_path, gzip.compress(b"a" * 1_000_000))
    with pytest.raises(ValueError, match="line 1 is longer than 131,072 characters"):
        dates.load(path)


def test_missing_files_and_folders_are_errors(tmp_path):
    with pytest.raises(FileNotFoundError, match="There is no file"):
        dates.load(tmp_path / "nowhere.tsv")
    with pytest.raises(ValueError, match="is a folder; name a file in it"):
        dates.load(tmp_path)
