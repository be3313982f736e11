"""The configuration comes from the environment, is checked as a whole, and never shows a secret."""

import pytest
from pydantic import SecretStr

from neural_hive_specialists import ConfigurationError, Settings


class WithSecrets(Settings):
    token: SecretStr | None = None
    ledger_url: SecretStr = SecretStr("sqlite:///ledger.db")


def test_an_empty_environment_is_enough():
    """A container without any variable starts."""
    settings = Settings.load()
    assert (settings.grpc_port, settings.http_port, settings.log_format) == (50051, 8000, "json")


def test_variables_are_read_with_their_prefix(monkeypatch):
    """HIVE_X sets x, X does not."""
    monkeypatch.setenv("HIVE_HTTP_PORT", "8123")
    monkeypatch.setenv("GRPC_PORT", "1")
    settings = Settings.load()
    assert (settings.http_port, settings.grpc_port) == (8123, 50051)


def test_every_wrong_variable_is_named_and_no_value_is_shown(monkeypatch):
    """One error tells all mistakes."""
    monkeypatch.setenv("HIVE_HTTP_PORT", "s3cret-port")
    monkeypatch.setenv("HIVE_LOG_LEVEL", "s3cret-level")
    with pytest.raises(ConfigurationError) as caught:
        Settings.load()
    assert "HIVE_HTTP_PORT" in str(caught.value)
    assert "HIVE_LOG_LEVEL" in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_not_even_the_library_underneath_shows_a_value(monkeypatch):
    """Who constructs settings directly gets pydantic's error, without the input."""
    monkeypatch.setenv("HIVE_HTTP_PORT", "s3cret-port")
    with pytest.raises(ValueError, match="http_port") as caught:
        Settings()
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HIVE_HTTP_PORT", "65536"),
        ("HIVE_GRPC_PORT", "-1"),
        ("HIVE_SERVICE_NAME", "Not A Name"),
        ("HIVE_CHECK_SECONDS", "0"),
    ],
)
def test_values_out_of_range_are_refused(monkeypatch, name, value):
    """Ports, names and times have bounds."""
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=name):
        Settings.load()


def test_settings_do_not_change_after_they_are_read():
    """Nobody reconfigures a running service by assignment."""
    with pytest.raises(ValueError, match="frozen"):
        Settings.load().http_port = 1


def test_a_secret_comes_from_a_file_without_its_final_newline(monkeypatch, tmp_path):
    """Mounted secrets end in a newline more often than not."""
    (tmp_path / "token").write_text("s3cret\n")
    monkeypatch.setenv("HIVE_TOKEN_FILE", str(tmp_path / "token"))
    token = WithSecrets.load().token
    assert token is not None
    assert token.get_secret_value() == "s3cret"


def test_a_secret_given_twice_is_refused(monkeypatch, tmp_path):
    """Which of two values counts is not left to chance."""
    (tmp_path / "token").write_text("a")
    monkeypatch.setenv("HIVE_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("HIVE_TOKEN", "b")
    with pytest.raises(ConfigurationError, match="HIVE_TOKEN_FILE"):
        WithSecrets.load()


@pytest.mark.parametrize("content", [None, b"\xff\xfe", b"x" * (64 * 1024 + 1)])
def test_a_secret_file_that_cannot_be_used_is_named(monkeypatch, tmp_path, content):
    """Missing, not text, or far too large."""
    path = tmp_path / "token"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setenv("HIVE_TOKEN_FILE", str(path))
    with pytest.raises(ConfigurationError, match="HIVE_TOKEN_FILE"):
        WithSecrets.load()


def test_a_file_is_read_for_secrets_only(monkeypatch, tmp_path):
    """HIVE_SERVICE_NAME_FILE means nothing."""
    (tmp_path / "name").write_text("other")
    monkeypatch.setenv("HIVE_SERVICE_NAME_FILE", str(tmp_path / "name"))
    assert WithSecrets.load().service_name == "specialist"


def test_secrets_are_masked_wherever_settings_are_shown(monkeypatch):
    """Printing and describing show stars."""
    monkeypatch.setenv("HIVE_LEDGER_URL", "mongodb://user:s3cret@db")
    settings = WithSecrets.load()
    assert "s3cret" not in repr(settings) + str(settings) + str(settings.describe())
    assert settings.describe()["ledger_url"] == "**********"
