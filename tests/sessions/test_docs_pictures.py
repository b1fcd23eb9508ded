"""The pictures in the documents show what a terminal shows now."""

from __future__ import annotations

import doctest
import re

import pytest

from tests.support import pictures
from tests.support.pictures import FOLDER, PICTURES, Picture, draw, words
from tests.support.run import ROOT

AGAIN = "draw them again: python -m tests.support.pictures"


def test_the_painter_s_own_examples() -> None:
    assert doctest.testmod(pictures).failed == 0


@pytest.mark.parametrize("picture", PICTURES, ids=lambda picture: picture.name)
def test_what_a_picture_says(picture: Picture) -> None:
    kept = (FOLDER / f"{picture.name}.svg").read_text()
    assert words(kept) == words(draw(picture)), AGAIN
    assert len(set(re.findall(r'fill="(#\w+)"', kept))) > 3, "in colours"
    assert re.findall(r"https?://[^\"]*", kept) == ["http://www.w3.org/2000/svg"]


def test_each_picture_is_made_and_used() -> None:
    names = {picture.name for picture in PICTURES}
    assert {path.stem for path in FOLDER.iterdir()} == names, AGAIN
    text = "".join(path.read_text() for path in [ROOT / "README.md", *ROOT.glob("docs/*.md")])
    assert set(re.findall(r"!\[[^]]+\]\((?:docs/)?pictures/(\w+)[.]svg\)", text)) == names
