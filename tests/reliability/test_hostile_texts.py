"""Texts of strangers come out as text: no label and no file's name steers a terminal or breaks a line."""

import json
from pathlib import Path

import pytest

from m2clip.api import Answer, Label
from m2clip.commands import predict
from m2clip.errors import UserError, printable

HOSTILE = {
    "colours": "\x1b[31mred",
    "a title": "\x1b]0;title\x07",
    "a line break": "a\nb",
    "a carriage return": "a\rb",
    "backspaces": "safe\b\b\b\bevil",
    "a C1 escape": "\x9b31m",
    "a line separator": "a\u2028b",
    "written from the right": "a\u202eb",
    "half a character": "a\ud800b",
    "delete": "a\x7fb",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_text_of_a_stranger_is_printed_as_text(capsys, text):
    answers = [
        Answer(path=Path(text), labels=(Label(label=text, probability=0.5),)),
        Answer(path=Path(text), error=text),
    ]
    show = predict._table([Path(text)], (text,))
    for answer in answers:
        show(answer)
        predict._json(answer)
    lines = capsys.readouterr().out.split("\n")
    assert len(lines) == 6 and all(line.isprintable() for line in lines)
    assert json.loads(lines[2]) == {"file": text, "labels": [{"label": text, "probability": 0.5}]}
    assert str(UserError(text)).isprintable() and printable("ü 漢 × {}") == "ü 漢 × {}"
