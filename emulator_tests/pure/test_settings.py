"""B7, C1, C6: what an operator writes is cleaned and brought into one form, and what cannot be is refused in words."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cli import checkup
from cli.claims import names_in_rules
from emulator_tests.testbed.places import ROOT
from functions import config, wiring
from functions.settings import Setting
from shared.cloud.firestore import DatabaseIdentity
from shared.core.callers import ClaimNames
from shared.core.errors import Misconfigured
from shared.ports import Health
from shared.providers.kaltura.account import UPLOAD_PATH
from shared.providers.kaltura.signing import Privilege, Word

SETTINGS = config.SETTINGS
NUMBERS = [name for name, setting in SETTINGS.items() if type(setting.default) is int]
TRUTHS = [name for name, setting in SETTINGS.items() if type(setting.default) is bool]
ADDRESSES = [name for name in SETTINGS if name.endswith("_URL") and name != "XMPP_WEBSOCKET_URL"]
SECRETS = [name for name, setting in SETTINGS.items() if setting.is_secret]


def refusal(name: str) -> str:
    with pytest.raises(Misconfigured) as refused:
        _ = SETTINGS[name].value
    return str(refused.value)


def test_each_setting_is_called_as_its_variable_and_has_a_description() -> None:
    own = {name: setting.name for name, setting in vars(config).items() if isinstance(setting, Setting)}
    assert own == {setting.name: setting.name for setting in config.OWN}
    assert {name: setting.name for name, setting in SETTINGS.items()} == {name: name for name in SETTINGS}
    assert all(setting.description.endswith(".") for setting in SETTINGS.values())
    assert set(SECRETS) == {
        "KALTURA_ADMIN_SECRET", "KALTURA_CHAT_TOKEN", "CLOUDFLARE_API_TOKEN", "CLOUDFLARE_SIGNING_KEY", "HOSTS",
        "SLIDES_TOKEN_SECRET",
        "XMPP_PASSWORD", "XMPP_JWT_SECRET", "ARCHIVE_S3_SECRET_KEY",
    }  # fmt: skip


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize(
    "text", ["", " ", "\n", "\ufeff\r\n", "''", '" "\n'], ids=["empty", "a space", "a line end", "a mark", "'", '"']
)
def test_a_setting_of_nothing_has_its_default(monkeypatch: pytest.MonkeyPatch, name: str, text: str) -> None:
    monkeypatch.setenv(name, text)
    assert SETTINGS[name].value == SETTINGS[name].default


@pytest.mark.parametrize(
    "around",
    ["{}\n", "{}\r\n", "  {}\t", "\ufeff{}", "{}\u200b", "\u00a0{}\u2060", '"{}"\n', "'{}\n'", "\u200e{}\u202c"],
)
@pytest.mark.parametrize(
    ("name", "written", "value"),
    [
        ("KALTURA_ADMIN_SECRET", "0123456789abcdef", "0123456789abcdef"),
        ("KALTURA_CHAT_TOKEN", "find", "find"),
        ("KALTURA_CHAT_TOKEN", "Find", "find"),
        ("CLOUDFLARE_API_TOKEN", "a-token_1", "a-token_1"),
        ("CLOUDFLARE_SIGNING_KEY", '{"id": "k"}', '{"id": "k"}'),
        ("KALTURA_PARTNER_ID", "102", 102),
        ("USE_HOSTS", "TRUE", True),
        ("FUNCTIONS_REGION", "Europe-West1", "europe-west1"),
        ("VIDEO_PROVIDER", "Cloudflare", "cloudflare"),
        ("SERVICE_ACCOUNT", "own@my-school.iam.gserviceaccount.com", "own@my-school.iam.gserviceaccount.com"),
    ],
)  # fmt: skip
def test_surrounding_whitespace_of_values_is_stripped(
    monkeypatch: pytest.MonkeyPatch, around: str, name: str, written: str, value: object
) -> None:
    """B7"""
    monkeypatch.setenv(name, around.format(written))
    assert SETTINGS[name].value == value


@pytest.mark.parametrize("name", ADDRESSES)
@pytest.mark.parametrize(
    "written",
    ["https://video.example.com", "https://video.example.com/", "https://video.example.com//", "video.example.com/",
     "HTTPS://Video.Example.COM", "https://video.example.com/\n"],
)  # fmt: skip
def test_an_address_has_one_form(monkeypatch: pytest.MonkeyPatch, name: str, written: str) -> None:
    """B7"""
    monkeypatch.setenv(name, written)
    assert SETTINGS[name].value == "https://video.example.com"


@pytest.mark.parametrize("name", ADDRESSES)
@pytest.mark.parametrize(
    "written",
    ["http://video.example.com", "ftp://video.example.com", "https://", "https:/video.example.com", "//video",
     "https://video.example.com?x=1", "https://video.example.com#x", "https://user:geheim@video.example.com",
     "https://video example.com", "https://video.example.com:99999", "https://video.example.com/../x", "https://video.example.com/./x",
     "https://v\\x"],
)  # fmt: skip
def test_invalid_address_is_refused_with_a_sentence(monkeypatch: pytest.MonkeyPatch, name: str, written: str) -> None:
    """B7"""
    monkeypatch.setenv(name, written)
    sentence = refusal(name)
    assert sentence.startswith(f"{name} must be")
    assert sentence.endswith(".")
    assert "geheim" not in sentence


@pytest.mark.parametrize("name", ADDRESSES)
@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("https://video.example.com:8443/", "https://video.example.com:8443"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("HTTP://LocalHost:8080/", "http://localhost:8080"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_an_address_has_its_port_and_only_this_machine_is_asked_without_tls(
    monkeypatch: pytest.MonkeyPatch, name: str, written: str, value: str
) -> None:
    """B7"""
    monkeypatch.setenv(name, written)
    assert SETTINGS[name].value == value


@pytest.mark.parametrize("name", ["KALTURA_URL", "CLOUDFLARE_PLAYBACK_URL"])
def test_an_address_without_a_path_has_none(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """B7: we append paths of our own, to which tokens are confined."""
    monkeypatch.setenv(name, "https://video.example.com/a/path/")
    assert refusal(name).startswith(f"{name} must be an address without a path")


@pytest.mark.parametrize("name", ["KALTURA_ROOM_URL", "CLOUDFLARE_URL", "FUNCTIONS_URL"])
def test_the_path_of_an_address_has_one_form(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """B7"""
    monkeypatch.setenv(name, "https://video.example.com//a///path/")
    assert SETTINGS[name].value == "https://video.example.com/a/path"


@pytest.mark.parametrize(
    "written",
    ["https://www.kaltura.com/api_v3", "https://www.kaltura.com//api_v3/", "www.kaltura.com/", "https://www.kaltura.com"],
)  # fmt: skip
def test_an_upload_address_is_one_that_its_own_ks_takes(monkeypatch: pytest.MonkeyPatch, written: str) -> None:
    """B7: the KS is confined to this very path, letter by letter."""
    monkeypatch.setenv("KALTURA_URL", written)
    address = f"{SETTINGS['KALTURA_URL'].value}{UPLOAD_PATH}"
    assert address == "https://www.kaltura.com/api_v3/service/uploadtoken/action/upload"
    assert Privilege(Word.URI_RESTRICT, f"{UPLOAD_PATH}?*").value in f"{address}?*"


@pytest.mark.parametrize("written", ["https://proxy.example.com/kaltura", "https://www.kaltura.com/api_v3/index.php"])
def test_a_kaltura_behind_a_path_is_refused(monkeypatch: pytest.MonkeyPatch, written: str) -> None:
    """B7"""
    monkeypatch.setenv("KALTURA_URL", written)
    assert refusal("KALTURA_URL") == (
        f"KALTURA_URL must be an address without a path, such as https://www.example.com; it is '{written}'."
    )


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize(
    "written", ["-1000", "9" * 17, "9" * 5000, "1e3", "10.0", "ten", "1_000", "\u0661\u0660", "0x10", "1 0"]
)
def test_a_number_that_cannot_be_is_refused_with_what_it_must_be(
    monkeypatch: pytest.MonkeyPatch, name: str, written: str
) -> None:
    """B7: the sentence has the name, what it must be, and what it is."""
    monkeypatch.setenv(name, written)
    sentence = refusal(name)
    assert re.match(rf"{name} must be a whole number from \d+ to \d+", sentence)
    assert written[:20] in sentence
    assert len(sentence) < 250


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_may_be_its_default_and_the_ends_of_its_range(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    setting = SETTINGS[name]
    monkeypatch.setenv(name, "-1000")
    found = re.search(r"from (\d+) to (\d+)", refusal(name))
    assert found is not None
    for number in (int(found[1]), setting.default, int(found[2])):
        monkeypatch.setenv(name, str(number))
        assert setting.value == number
    for number in (int(found[1]) - 1, int(found[2]) + 1):
        monkeypatch.setenv(name, str(number))
        assert str(number) in refusal(name)


@pytest.mark.parametrize("name", TRUTHS)
@pytest.mark.parametrize("written", ["yes", "1", "tru", "true false"])
def test_non_boolean_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, written: str) -> None:
    monkeypatch.setenv(name, written)
    assert refusal(name) == f"{name} must be true or false; it is '{written}'."


@pytest.mark.parametrize("name", ["KALTURA_ADMIN_SECRET", "KALTURA_CHAT_TOKEN", "CLOUDFLARE_API_TOKEN"])
@pytest.mark.parametrize("written", ["geheim wort", "geheim\nwort", "gehéim", "\u201cgeheim\u201d", "geh\u200beim"])
def test_a_secret_with_something_in_between_is_refused_and_not_repeated(
    monkeypatch: pytest.MonkeyPatch, name: str, written: str
) -> None:
    """B7"""
    monkeypatch.setenv(name, written)
    assert refusal(name) == f"{name} must be one word of visible ASCII characters."


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("FUNCTIONS_REGION", "europe"),
        ("FUNCTIONS_REGION", "us-central1,europe-west1"),
        ("NAMESPACE", "my:school"),
        ("NAMESPACE", "-"),
        ("KALTURA_UPLOAD_ROLE", "a role"),
        ("CLOUDFLARE_ACCOUNT_ID", "acme"),
        ("VIDEO_PROVIDER", "youtube"),
        ("SERVICE_ACCOUNT", "greenroom"),
        ("TASKS_SERVICE_ACCOUNT", "default"),
        ("CLOUDFLARE_PASS_ON", "another-school"),
        ("CLOUDFLARE_PASS_ON", "a=http://example.com"),
        ("CLOUDFLARE_PASS_ON", "a=b.example.com,a=c.example.com"),
    ],
)
def test_a_text_that_cannot_be_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, written: str) -> None:
    monkeypatch.setenv(name, written)
    assert refusal(name).startswith(f"{name} must ")
    assert refusal(name).endswith(f"; it is '{written}'.")


def test_addresses_of_other_deployments_have_the_same_form(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUDFLARE_PASS_ON", " one=https://a.example.com/cloudflareHook/ ,\n two = b.example.com,")
    assert SETTINGS["CLOUDFLARE_PASS_ON"].value == {
        "one": "https://a.example.com/cloudflareHook",
        "two": "https://b.example.com",
    }


def test_domains_are_names_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DELIVERY_DOMAINS", " CDN.example.com,\n vod.school.example ,")
    assert config.DELIVERY_DOMAINS.value == ("cdn.example.com", "vod.school.example")
    for written in ("https://cdn.example.com", "cdn.example.com/path", "*.example.com", "com", "10.0.0.1:80", "a b.c"):
        monkeypatch.setenv("DELIVERY_DOMAINS", written)
        assert refusal("DELIVERY_DOMAINS").startswith("DELIVERY_DOMAINS must be domains such as cdn.example.com")


@pytest.mark.parametrize(
    "written",
    ["iss", "Firebase", "sub", "email_verified", "user_id", "name", "two words", "x-y", "1st", "a.b", "é", "a" * 65],
)
@pytest.mark.parametrize("name", ["CLAIM_TEACHER", "CLAIM_ADMIN"])
def test_a_claim_is_one_word_that_means_nothing_else(monkeypatch: pytest.MonkeyPatch, name: str, written: str) -> None:
    """C6: with `email_verified` everybody would be an administrator."""
    monkeypatch.setenv(name, written)
    assert refusal(name).startswith(f"{name} must be")


def test_tasks_call_as_the_account_of_the_functions(monkeypatch: pytest.MonkeyPatch) -> None:
    """C2"""
    assert config.tasks_service_account() is None
    monkeypatch.setenv("SERVICE_ACCOUNT", "own@my-school.iam.gserviceaccount.com")
    assert config.tasks_service_account() == "own@my-school.iam.gserviceaccount.com"
    monkeypatch.setenv("TASKS_SERVICE_ACCOUNT", "tasks@my-school.iam.gserviceaccount.com")
    assert config.tasks_service_account() == "tasks@my-school.iam.gserviceaccount.com"


def test_the_rules_name_the_claims_as_the_settings_do() -> None:
    """C6"""
    assert names_in_rules((ROOT / "firestore.rules").read_text()) == ClaimNames()
    assert config.claim_names() == ClaimNames()


def test_doctor_says_where_rules_and_settings_differ(tmp_path: Path) -> None:
    """C6"""
    rules = tmp_path / "firestore.rules"
    assert checkup.check_rules(rules, ClaimNames()) == []
    rules.write_text((ROOT / "firestore.rules").read_text())
    (well,) = checkup.check_rules(rules, ClaimNames())
    assert well.health is Health.OK
    (differing,) = checkup.check_rules(rules, ClaimNames("tutor", "boss"))
    assert differing.health is Health.MISSING
    assert "teacher and admin; CLAIM_TEACHER and CLAIM_ADMIN are tutor and boss" in differing.sentence
    rules.write_text("rules_version = '2';")
    (silent,) = checkup.check_rules(rules, ClaimNames())
    assert silent.health is Health.MISSING


KALTURA = {"KALTURA_PARTNER_ID": "102"}
CLOUDFLARE = {"CLOUDFLARE_ACCOUNT_ID": "0123456789abcdef" * 2}


@pytest.mark.parametrize(
    ("settings", "calls", "chats"),
    [
        ({}, ["KALTURA_ADMIN_SECRET"], ["KALTURA_CHAT_TOKEN"]),
        (KALTURA, ["KALTURA_ADMIN_SECRET"], ["KALTURA_CHAT_TOKEN"]),
        (CLOUDFLARE, ["CLOUDFLARE_API_TOKEN", "CLOUDFLARE_SIGNING_KEY"], []),
        (
            KALTURA | CLOUDFLARE | {"USE_HOSTS": "true"},
            ["KALTURA_ADMIN_SECRET", "CLOUDFLARE_API_TOKEN", "CLOUDFLARE_SIGNING_KEY", "HOSTS"],
            ["KALTURA_CHAT_TOKEN"],
        ),
    ],
    ids=["no account", "Kaltura", "Cloudflare", "everything"],
)
def test_secrets_are_those_of_the_accounts_by_their_use(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], calls: list[str], chats: list[str]
) -> None:
    for name in ("KALTURA_PARTNER_ID", "CLOUDFLARE_ACCOUNT_ID", "USE_HOSTS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    assert [secret.name for secret in config.provider_secrets()] == calls
    assert [secret.name for secret in config.chat_secrets()] == chats


def test_every_required_setting_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CLOUDFLARE_API_TOKEN", "CLOUDFLARE_SIGNING_KEY", "CLOUDFLARE_PLAYBACK_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CLOUDFLARE_ACCOUNT_ID", CLOUDFLARE["CLOUDFLARE_ACCOUNT_ID"])
    with pytest.raises(Misconfigured) as refused:
        config.account_at("cloudflare")
    assert str(refused.value) == (
        "Set CLOUDFLARE_API_TOKEN, CLOUDFLARE_SIGNING_KEY and CLOUDFLARE_PLAYBACK_URL. "
        "A secret is set with `firebase functions:secrets:set CLOUDFLARE_API_TOKEN`."
    )
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", "token")
    monkeypatch.setenv("CLOUDFLARE_PLAYBACK_URL", "https://customer-1.cloudflarestream.com")
    with pytest.raises(Misconfigured, match=r"^Set CLOUDFLARE_SIGNING_KEY\. A secret is set"):
        config.account_at("cloudflare")


@pytest.mark.parametrize(
    "database", ["(default)", "greenroom", "abcd", "a" * 63, "green-room-2", "a0000000-0000-0000-0000-00000000000g"]
)
def test_id_of_a_database_is_accepted(monkeypatch: pytest.MonkeyPatch, database: str) -> None:
    monkeypatch.setenv("FIRESTORE_DATABASE", database)
    assert config.FIRESTORE_DATABASE.value == database
    monkeypatch.setenv("GCLOUD_PROJECT", "my-school")
    monkeypatch.delenv("FIRESTORE_EMULATOR_HOST", raising=False)
    identity = wiring.database_uid.__wrapped__()
    assert isinstance(identity, DatabaseIdentity)
    assert identity.name == f"projects/my-school/databases/{database}"


@pytest.mark.parametrize(
    "database",
    ["abc", "a" * 64, "Greenroom", "green_room", "2green", "-green", "green-", "green room", "gr\u00e9en", "(Default)",
     "default)", "greenroom/documents", "../x", "a0000000-0000-0000-0000-000000000000"],
)  # fmt: skip
def test_impossible_id_of_a_database_is_refused(monkeypatch: pytest.MonkeyPatch, database: str) -> None:
    monkeypatch.setenv("FIRESTORE_DATABASE", database)
    assert refusal("FIRESTORE_DATABASE").startswith("FIRESTORE_DATABASE must be (default), or 4 to 63 small letters")
