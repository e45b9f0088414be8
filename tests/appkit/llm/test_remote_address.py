"""A remote model's name says where it is and holds no secret; the key stays where it may be seen."""

import pytest

from appkit.llm.remote_address import parse_address
from appkit.llm.remote_key import ApiKey, api_key, shown

SECRET = "sk-very-secret-0123456789"


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("APPKIT_API_KEY", "OPENAI_API_KEY", "APPKIT_ALLOW_KEY_OVER_HTTP"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("spec", "url", "model", "max_seq_len"),
    [
        ("openai:http://127.0.0.1:8000/v1#qwen3-4b", "http://127.0.0.1:8000/v1", "qwen3-4b", None),
        ("openai:https://host/v1/", "https://host/v1", None, None),
        ("openai:https://host/v1?context=32768#a/b:c", "https://host/v1", "a/b:c", 32768),
        ("openai:http://[::1]:80/v1#模型", "http://[::1]:80/v1", "模型", None),
    ],
)
def test_parts_of_a_name(spec: str, url: str, model: str | None, max_seq_len: int | None) -> None:
    address = parse_address(spec)
    assert (address.url, address.model, address.max_seq_len) == (url, model, max_seq_len)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("openai:", "holds no address"),
        ("openai:host:8000/v1", "holds no address"),
        ("openai:ftp://host/v1", "with http or https"),
        ("openai:http:///v1", "holds no address"),
        ("openai:http://host:99999/v1", "cannot be read"),
        ("openai:http://[::1/v1", "cannot be read"),
        ("openai:http://host/v1\r\nX: y", "holds blanks"),
        ("openai:http://ho st/v1", "holds blanks"),
        ("openai:http://host/" + "x" * 3000, "too long"),
        ("openai:http://host/v1?context=many", "context is 'many'"),
        ("openai:http://host/v1?context=-5", "context is '-5'"),
        ("openai:http://host/v1?context=٣٢", "give the number of tokens"),
    ],
)
def test_a_name_that_is_none_is_refused(spec: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_address(spec)


@pytest.mark.parametrize(
    "spec",
    [f"openai:http://user:{SECRET}@host/v1", f"openai:http://{SECRET}@host/v1", f"openai:http://h/v1?key={SECRET}"],
)
def test_a_secret_in_a_name_is_refused_and_not_repeated(spec: str) -> None:
    with pytest.raises(ValueError, match=r"APPKIT_API_KEY|holds no address") as caught:
        parse_address(spec)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("host", "is_loopback"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("[::1]", True),
        ("localhost", True),
        ("localhost.example.com", False),
        ("10.0.0.1", False),
        ("127.0.0.1.example.com", False),
    ],
)
def test_what_counts_as_this_machine(host: str, is_loopback: bool) -> None:
    assert parse_address(f"http://{host}/v1").is_loopback == is_loopback


def test_appkit_s_key_goes_to_any_encrypted_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APPKIT_API_KEY", f" {SECRET}\n")
    key = api_key(parse_address("https://host/v1"))
    assert key is not None
    assert key.value == SECRET
    assert SECRET not in repr(key)


def test_openai_s_key_goes_to_openai_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    assert api_key(parse_address("https://host/v1")) is None
    assert api_key(parse_address("https://api.openai.com.example.com/v1")) is None
    assert api_key(parse_address("https://api.openai.com/v1")) is not None


def test_a_key_crosses_a_network_in_the_open_only_where_that_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APPKIT_API_KEY", SECRET)
    address = parse_address("http://10.0.0.1/v1")
    with pytest.raises(ValueError, match=r"unencrypted to 10\.0\.0\.1") as caught:
        api_key(address)
    assert SECRET not in str(caught.value)
    assert api_key(parse_address("http://127.0.0.1/v1")) is not None
    monkeypatch.setenv("APPKIT_ALLOW_KEY_OVER_HTTP", "1")
    assert api_key(address) is not None


def test_a_key_that_could_add_a_header_is_refused_and_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APPKIT_API_KEY", f"{SECRET}\r\nX-Other: 1")
    with pytest.raises(ValueError, match="characters that no key has") as caught:
        api_key(parse_address("https://host/v1"))
    assert SECRET not in str(caught.value)


def test_what_a_server_wrote_is_shown_short_on_one_line_and_without_the_key() -> None:
    text = f"wrong\nkey {SECRET}\x1b[31m" + "x" * 1000
    found = shown(text, ApiKey(value=SECRET, variable="APPKIT_API_KEY"))
    assert found.startswith("wrong key *** [31mxxx")
    assert len(found) == 300
