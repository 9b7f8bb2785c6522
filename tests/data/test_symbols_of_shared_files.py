"""Every real file of texts, tags and symbols reads without options, as data/README.md describes it, with what was assumed told."""

from __future__ import annotations

from pathlib import Path

import pytest

from inorder.data.symbol_reading import read_symbols
from inorder.data.tagged_reading import read_tagged
from inorder.data.text_reading import read_texts

# file -> texts, classes, how many of the first class, what is told
TEXTS = {
    "text/sentence_polarity_train.tsv": (8530, 2, "quotation marks of 210 cells were taken as they are"),
    "text/sentence_polarity_valid.tsv": (1066, 2, "quotation marks of 34 cells were taken as they are"),
    "text/movie_reviews.zip": (1600, 2, "the labels are the names of the folders"),
    "text/sms_spam.tsv": (4160, 2, "quotation marks of 96 cells were taken as they are"),
    "text/banking77_train.csv.gz": (10003, 77, 'the labels are those of "category", by its name'),
    "text/clinc150_train_val.json.gz": (18200, 151, "parts: oos_val (100) as valid, val (3,000) as valid, train (15,000) as train, oos_train (100) as train"),
    "text/nsmc_train.tsv.gz": (39150, 2, 'the texts are those of "document", by its name'),
    "text/nsmc_valid.tsv.gz": (4000, 2, 'the texts are those of "document", by its name'),
    "language_modelling/tiny_shakespeare.txt.gz": (1, 0, "read as one text of 40,000 lines (--unit line: one a line)"),
    "language_modelling/wikitext2_valid.txt.gz": (1, 0, "read as one text of 3,760 lines (--unit line: one a line)"),
    "language_modelling/state_union.zip": (65, 0, "6 files with lines read as Windows-1252"),
}


@pytest.mark.parametrize("name", TEXTS)
def test_texts_of_real_files(shared_data: Path, name: str) -> None:
    count, classes, note = TEXTS[name]
    data = read_texts(shared_data / name)
    assert (len(data), 0 if data.labels is None else len(data.labels.classes)) == (count, classes)
    assert data.labels is None or data.labels.known.all()
    assert note in data.notes


def test_what_the_texts_are(shared_data: Path) -> None:
    assert len(read_texts(shared_data / "language_modelling/tiny_shakespeare.txt.gz").texts[0]) == 1_115_394
    clinc = read_texts(shared_data / "text/clinc150_train_val.json.gz")
    assert [len(clinc.part(name)) for name in ("train", "valid")] == [15_100, 3_100]
    assert clinc.labels is not None and clinc.labels.counts()["oos"] == 200
    reviews = read_texts(shared_data / "text/movie_reviews.zip")
    assert reviews.labels is not None and reviews.labels.counts() == {"neg": 800, "pos": 800}
    sms = read_texts(shared_data / "text/sms_spam.tsv")
    assert sms.texts[24] == '"HEY HEY WERETHE MONKEESPEOPLE SAY WE MONKEYAROUND! HOWDY GORGEOUS, HOWU DOIN? FOUNDURSELF A JOBYET SAUSAGE?LOVE JEN XXX"'
    both = read_texts(shared_data / "text/nsmc_train.tsv.gz", valid=shared_data / "text/nsmc_valid.tsv.gz")
    assert both.describe().startswith("39,150 + 4,000 valid texts of")


# file -> sentences, tokens, tags, scheme
TAGGED = {
    "tagging/en_ewt-ud-train.conllu.gz": (12544, 204577, 17, ""),
    "tagging/en_ewt-ud-dev.conllu.gz": (2001, 25147, 17, ""),
    "tagging/en_ewt-ud-test.conllu.gz": (2077, 25094, 17, ""),
    "tagging/ko_gsd-train.conllu.gz": (4400, 56687, 16, ""),
    "tagging/ko_gsd-dev.conllu.gz": (950, 11958, 15, ""),
    "tagging/ko_kaist-train.conllu.gz": (23009, 296520, 17, ""),
    "tagging/ko_kaist-dev.conllu.gz": (2066, 25233, 17, ""),
    "tagging/wnut17_train.conll": (3394, 62730, 13, "BIO"),
    "tagging/wnut17_dev.conll": (1009, 15733, 13, "BIO"),
    "tagging/klue_ner_train.tsv.gz": (3700, 213671, 13, "BIO"),
    "tagging/klue_ner_valid.tsv.gz": (500, 27728, 13, "BIO"),
    "biology/protein_secondary_structure_train.txt": (111, 18105, 3, ""),
}


@pytest.mark.parametrize("name", TAGGED)
def test_tags_of_real_files(shared_data: Path, name: str) -> None:
    data = read_tagged(shared_data / name)
    assert (len(data), sum(map(len, data.tokens)), len(data.kinds), data.scheme) == TAGGED[name]


def test_what_the_sentences_are(shared_data: Path) -> None:
    ewt = read_tagged(shared_data / "tagging/en_ewt-ud-dev.conllu.gz")
    assert ewt.ids[0] == "weblog-blogspot.com_nominations_20041117172713_ENG_20041117_172713-0001"
    assert "359 surface tokens of several words left out, their words kept" in ewt.notes
    assert "4 empty nodes left out" in ewt.notes
    assert read_tagged(shared_data / "tagging/en_ewt-ud-dev.conllu.gz", tag="xpos").kinds["NN"] > 3000
    klue = read_tagged(shared_data / "tagging/klue_ner_valid.tsv.gz")
    assert klue.ids[0] == "klue-ner-v1_dev_02618-wikitree" and klue.tokens[0][:3] == ("2", "일", " ") and klue.cutter == "characters"
    snips = read_tagged(shared_data / "tagging/snips_train.jsonl.gz")
    assert len(snips) == 13_784 and snips.labels is not None and len(snips.labels.classes) == 7 and snips.scheme == "BIO"
    assert snips.tokens[0] == ("Add", "another", "song", "to", "the", "Cita", "Romántica", "playlist", ".")
    assert snips.tags is not None and snips.tags[0] == ("O", "O", "B-music_item", "O", "O", "B-playlist", "I-playlist", "O", "O")


# file -> sequences, symbols, different ones, classes
SYMBOLS = {
    "biology/promoters.tsv": (106, 106 * 57, 4, 2),
    "biology/splice_junctions.tsv": (2511, 2511 * 60, 4, 3),
    "events/msnbc323.txt": (323, 27380, 17, 0),
    "events/mvad.csv.gz": (712, 712 * 72, 6, 0),
    "events/biofam.csv.gz": (2000, 2000 * 16, 8, 0),
    "events/actcal.csv.gz": (2000, 2000 * 12, 4, 0),
    "music/jsb_16th_satb_train_valid.json.gz": (305, 73636, 5129, 0),
    "music/jsb_quarter_pianoroll_train_valid.json.gz": (305, 18409, 2822, 0),
}


@pytest.mark.parametrize("name", SYMBOLS)
def test_symbols_of_real_files(shared_data: Path, name: str) -> None:
    data = read_symbols(shared_data / name)
    found = (len(data), sum(map(len, data.symbols)), len(data.kinds), 0 if data.labels is None else len(data.labels.classes))
    assert found == SYMBOLS[name]


def test_what_the_music_is(shared_data: Path) -> None:
    jsb = read_symbols(shared_data / "music/jsb_quarter_pianoroll_train_valid.json.gz")
    assert [len(jsb.part(name)) for name in ("train", "valid")] == [229, 76] and jsb.symbols[0][0] == "60 72 79 88"
    tunes = read_symbols(shared_data / "music/nottingham_abc.zip")
    assert len(tunes) == 1034
    characters = read_symbols(shared_data / "music/nottingham_abc.zip", notation="characters")
    assert ["".join(one) for one in characters.symbols] == ["".join(one) for one in tunes.symbols]
