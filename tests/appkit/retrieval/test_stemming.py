import re

import pytest

from appkit.retrieval.stemming import stem

# Worked out by hand from the rules of the paper; most words are its own examples.
STEMS = """
caresses caress  ponies poni  ties ti  cats cat  feed feed  agreed agre  plastered plaster  bled bled  motoring motor
sing sing  conflated conflat  sized size  hopping hop  hoping hope  falling fall  hissing hiss  failing fail
happy happi  sky sky  relational relat  conditional condit  rational ration  digitizer digit  operator oper
decisiveness decis  hopefulness hope  triplicate triplic  formalize formal  electrical electr  goodness good
revival reviv  replacement replac  adjustment adjust  adoption adopt  effective effect  probate probat  rate rate
cease ceas  controll control  roll roll  connected connect  connection connect  connecting connect
"""


@pytest.mark.parametrize(("word", "expected"), [pair.split() for pair in re.split(r"\s\s+|\n", STEMS.strip())])
def test_words_lose_their_endings_as_published(word: str, expected: str) -> None:
    assert stem(word) == expected


@pytest.mark.parametrize("word", ["", "is", "as", "naïves", "5s", "保修期"])
def test_short_and_foreign_words_stay(word: str) -> None:
    assert stem(word) == word
