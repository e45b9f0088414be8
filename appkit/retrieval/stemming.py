"""A light English stemmer: plural endings only."""


def stem(word: str) -> str:
    return word
