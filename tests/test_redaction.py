"""What is hidden is in no text; what is not stays as it is."""

from __future__ import annotations

import io
from base64 import b64encode
from urllib.parse import quote

import pytest

from int_verl.redaction import RedactedStream, hide, hide_credentials, redact, without_credentials


def test_a_hidden_text_is_replaced_in_whatever_form_it_is_echoed() -> None:
    key = 'sk "quoted"/\u00e9+key'
    hide(key, "$SERVERS_API_KEY")
    assert redact(f"Bearer {key}") == "Bearer $SERVERS_API_KEY"
    for echoed in (r"sk \"quoted\"/\u00e9+key", quote(key, safe="")):
        assert redact(f"<{echoed}>") == "<$SERVERS_API_KEY>"


def test_a_short_text_is_too_common_to_hide() -> None:
    hide("gpu")
    hide("")
    assert redact("1 gpu") == "1 gpu"


def test_the_longer_of_two_goes_first() -> None:
    hide("abcdef", "SHORT")
    hide("abcdefgh", "LONG")
    assert redact("abcdefgh abcdef") == "LONG SHORT"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://u:p@h:1/v1", "http://***@h:1/v1"),
        ("https://token@h", "https://***@h"),
        ("http://u:p@ss@h/", "http://***@h/"),
        ("wss://h/?a=1&b=&c", "wss://h/?a=***&b=***&***"),
        ("'postgres://u:p@h/db' and (http://u2:p2@h2)", "'postgres://***@h/db' and (http://***@h2)"),
        ("http://node1:8000/v1, http://node2:8000/v1", "http://node1:8000/v1, http://node2:8000/v1"),
        ("pkg://module and me@example.org", "pkg://module and me@example.org"),
        ("git+https://github.com/o/r@main", "git+https://github.com/o/r@main"),
        ("is it a ? or ://", "is it a ? or ://"),
    ],
)
def test_urls(text: str, shown: str) -> None:
    assert without_credentials(text) == shown
    assert without_credentials(shown) == shown


def test_what_a_url_held_is_hidden_elsewhere_too() -> None:
    hide_credentials("http://me:pass%40word@h/?token=querytoken")
    assert redact("pass@word, pass%40word, querytoken") == "***, ***, ***"
    assert redact(b64encode(b"me:pass@word").decode()) == "***"


def test_a_stream_shows_what_may_be_shown() -> None:
    out = io.StringIO()
    hide("topsecret")
    stream = RedactedStream(out)
    stream.write("a topsecret\n")
    assert out.getvalue() == "a ***\n"
    assert not stream.isatty()
