import json

import pytest

from spigot.cli.console import emit, emit_json


def test_data_goes_to_stdout(capsys):
    emit("naïve")
    emit_json({"word": "naïve", "score": None})
    captured = capsys.readouterr()
    line, _, rest = captured.out.partition("\n")
    assert line == "naïve"
    assert "naïve" in rest
    assert json.loads(rest) == {"word": "naïve", "score": None}
    assert captured.err == ""


def test_what_json_lacks_is_refused():
    with pytest.raises(ValueError, match="JSON"):
        emit_json({"score": float("nan")})
