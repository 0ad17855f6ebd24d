"""The settings of the cold stores: what they may be, and which functions get their secret."""

from __future__ import annotations

from typing import Final

import pytest

from functions import config
from functions.config import SETTINGS
from shared.core.errors import Misconfigured
from shared.providers.gcs.settings import ArchiveSettings as GcsSettings
from shared.providers.s3.settings import ArchiveSettings as S3Settings
from shared.providers.settings import Use

ENVIRONMENT: Final = {
    "ARCHIVE_S3_BUCKET": "originals",
    "ARCHIVE_S3_REGION": "eu-central-1",
    "ARCHIVE_S3_CLASS": "DEEP_ARCHIVE",
    "ARCHIVE_S3_ACCESS_KEY": "AKIA",
    "ARCHIVE_S3_SECRET_KEY": "s" * 40,
}


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


def test_a_deployment_without_the_settings_has_no_archive_and_no_secrets() -> None:
    assert config.archive() is None
    assert config.cold_store() is None
    assert config.archive_secrets() == []


@pytest.mark.usefixtures("deployed")
def test_the_settings_are_read_and_the_secret_is_not_shown() -> None:
    settings = config.cold_store()
    assert settings == S3Settings(
        bucket="originals",
        region="eu-central-1",
        storage_class="DEEP_ARCHIVE",
        access_key="AKIA",
        secret_key=ENVIRONMENT["ARCHIVE_S3_SECRET_KEY"],
    )
    assert ENVIRONMENT["ARCHIVE_S3_SECRET_KEY"] not in repr(settings)


@pytest.mark.usefixtures("deployed")
def test_the_secret_goes_to_functions_that_archive_alone() -> None:
    assert [one.name for one in config.archive_secrets()] == ["ARCHIVE_S3_SECRET_KEY"]
    assert [config.secrets_of("s3", use) for use in Use if use is not Use.ARCHIVE] == [[], []]
    assert "ARCHIVE_S3_SECRET_KEY" not in [one.name for one in config.provider_secrets()]


@pytest.mark.usefixtures("deployed")
def test_a_function_without_the_secret_knows_the_archive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ARCHIVE_S3_SECRET_KEY")
    assert config.archive() == "s3"


@pytest.mark.parametrize("missing", ["ARCHIVE_S3_ACCESS_KEY", "ARCHIVE_S3_SECRET_KEY"])
@pytest.mark.usefixtures("deployed")
def test_a_missing_setting_is_named(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    monkeypatch.delenv(missing)
    with pytest.raises(Misconfigured, match=rf"^Set {missing}\."):
        config.cold_store()


def test_a_bucket_of_google_needs_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARCHIVE_GCS_BUCKET", "originals")
    assert config.cold_store() == GcsSettings(bucket="originals")
    assert config.archive_secrets() == []


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("ARCHIVE_S3_CLASS", "glacier"),
        ("ARCHIVE_S3_CLASS", "INTELLIGENT_TIERING"),
        ("ARCHIVE_S3_URL", "http://store.example.com"),
        ("ARCHIVE_GCS_CLASS", "STANDARD"),
        ("ARCHIVE_GCS_BUCKET", "ä"),
    ],
)
def test_a_wrong_setting_is_refused_in_words(monkeypatch: pytest.MonkeyPatch, name: str, written: str) -> None:
    monkeypatch.setenv(name, written)
    with pytest.raises(Misconfigured, match=f"^{name} must "):
        _ = SETTINGS[name].value
