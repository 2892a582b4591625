"""The first words on the screen are for those who have configured nothing, and only them."""

import pytest

from logmon.config import load_config
from logmon.launch import WELCOME, _welcome

NOTHING = {"files": (), "from_url": None}


@pytest.mark.parametrize(
    ("given", "env", "said"),
    [
        (NOTHING, {}, WELCOME),
        ({**NOTHING, "files": ("app.log",)}, {}, ""),
        ({**NOTHING, "from_url": "http://127.0.0.1:8787"}, {}, ""),
        (NOTHING, {"LOGMON_SOURCES__PROD__TYPE": "datadog"}, ""),
        (NOTHING, {"LOGMON_SOURCES__MOCK__SEED": "3"}, WELCOME),
    ],
)
def test_the_made_up_shop_is_explained_where_it_is_shown(monkeypatch, tmp_path, given, env, said):
    """A source named by variables alone is a configuration, too."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert _welcome(given, load_config(None, env)) == said
