import tomllib

import pytest

from spigot.corpora.table import update_table
from spigot.data.errors import DataError


def test_corpora_in_one_folder_share_a_table(tmp_path):
    assert update_table(tmp_path / "data", {"syntax": {"train": "ewt/a.conllu", "dev": "ewt/b.conllu"}}) == []
    assert update_table(tmp_path / "data", {"vectors": 'vectors/"x".txt.gz'}) == []
    path = tmp_path / "data" / "data.toml"
    table = {"syntax": {"train": "ewt/a.conllu", "dev": "ewt/b.conllu"}, "vectors": 'vectors/"x".txt.gz'}
    assert tomllib.loads(path.read_text("utf-8")) == {"data": table}
    before = path.stat().st_mtime_ns
    assert update_table(tmp_path / "data", {"syntax": table["syntax"]}) == []
    assert path.stat().st_mtime_ns == before
    assert update_table(tmp_path / "data", {"syntax": {"train": "c"}}) == ["syntax"]
    assert tomllib.loads(path.read_text("utf-8"))["data"]["syntax"] == {"train": "c"}


def test_what_a_user_added_stays(tmp_path):
    (tmp_path / "data.toml").write_text('description = "mine"\n[data]\nmax_length = 60\n', "utf-8")
    update_table(tmp_path, {"vectors": "v"})
    expected = {"description": "mine", "data": {"max_length": 60, "vectors": "v"}}
    assert tomllib.loads((tmp_path / "data.toml").read_text("utf-8")) == expected


def test_a_table_that_an_editor_of_windows_has_saved(tmp_path):
    (tmp_path / "data.toml").write_bytes(b"\xef\xbb\xbf[data]\r\nmax_length = 60\r\n")
    update_table(tmp_path, {"vectors": "v"})
    assert tomllib.loads((tmp_path / "data.toml").read_text("utf-8")) == {"data": {"max_length": 60, "vectors": "v"}}


@pytest.mark.parametrize(
    ("text", "message"), [("[data", "expected TOML"), ("[training]\n", r"expected one table, \[data\], got training")]
)
def test_a_file_that_is_no_such_table(tmp_path, text, message):
    (tmp_path / "data.toml").write_text(text, "utf-8")
    with pytest.raises(DataError, match=message):
        update_table(tmp_path, {"vectors": "v"})
    assert (tmp_path / "data.toml").read_text("utf-8") == text
