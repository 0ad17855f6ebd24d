"""The walls between the parts of the code: the domain has no provider's words, and each import contract can fail."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import grimp
import pytest
from importlinter import api
from importlinter.contracts.forbidden import ForbiddenContract
from importlinter.contracts.independence import IndependenceContract
from importlinter.contracts.layers import LayersContract
from importlinter.domain.contract import Contract

from emulator_tests.testbed.places import ROOT
from shared.providers.registry import HOSTS, PROVIDERS

pytestmark = pytest.mark.long

SHARED: Final = ROOT / "shared"
ADAPTERS: Final = ("cloud", "providers")
PARTS: Final = sorted({path.relative_to(SHARED).parts[0].removesuffix(".py") for path in SHARED.glob("**/*.py")})
DOMAIN: Final = [part for part in PARTS if part not in (*ADAPTERS, "__init__")]
"""Everything in `shared/` but the adapters, so that a new folder belongs to it."""

FILES: Final = [
    path for part in DOMAIN for path in (*SHARED.glob(f"{part}.py"), *sorted((SHARED / part).glob("**/*.py")))
]

TERMS: Final = (
    # Kaltura
    *("ks", "entry id", "virtual event", "partner", "ui conf", "flavor", "play_manifest", "conversion profile"),
    *("app token", "base entry", "media entry", "live stream entry", "user entry", "category entry", "schedule event"),
    *("cue point", "privacy context", "entitlement", "multi request", "kmc", "kms", "kaf"),
    # Cloudflare
    *("live input", "customer code", "direct upload", "require signed urls", "allowed origins", "tus"),
    # Bunny
    *("pull zone", "storage zone", "edge storage"),
    # Cloud Storage
    *("gcs", "sign blob", "x goog"),
    # S3
    *("aws", "amazon", "sig v4", "presign", "presigned", "access key", "minio"),
)
"""
Words of the providers' products, apart from those that mean something else here, such as bucket and session. A blank
stands for whatever may be between words; `play_manifest` is looked for in names only.
"""


@dataclass(frozen=True)
class Allowed:
    """
    A name with a provider's word that stays, in the files of `shared/` that match one of the patterns.
    """

    name: str
    files: Sequence[str]
    reason: str


ALLOWED: Final = (
    Allowed("kalturaSession", ["core/paths.py", "sessions/*.py"], "collection and field, and clients read both"),
    Allowed(
        "kaltura",
        ["sessions/controller.py", "sessions/session.py", "sessions/view.py"],
        "field of a session's document that clients read",
    ),
    Allowed("getKalturaSession", ["sessions/*.py"], "callable of clients"),
    Allowed("get_kaltura_session", ["sessions/kaltura_session.py"], "named as its callable"),
    Allowed("kaltura_session", ["sessions/kaltura_session.py"], "file named as its callable"),
    Allowed("entryId", ["sessions/view.py"], "stored field that clients read"),
    Allowed("virtualEventId", ["sessions/view.py"], "stored field that clients read"),
    Allowed("kaltura_aws", ["archive/health.py"], "the program whose operators know these sentences"),
    Allowed("kaltura_archiver", ["archive/health.py"], "the repository of that program"),
    Allowed("archived_to_s3", ["archive/model.py", "archive/health.py"], "tag that other programs read"),
    Allowed("s3", ["archive/health.py"], "in the heading of a column that other programs read"),
    Allowed("kalturaUsers", ["core/paths.py"], "collection with documents of earlier releases"),
    Allowed("kalturaCache", ["core/paths.py"], "collection with documents of earlier releases"),
    Allowed("kalturaUser", ["sessions/admissions/resource.py"], "section of the export that people get"),
    Allowed("ks", ["core/log_format.py"], "redacts secrets in addresses, which any code and any library may log"),
)

ALLOWED_TERMS: Final[Mapping[str, Sequence[str]]] = {
    # Operators select entries, read their tags and delete their flavors by these words, and so do the documents.
    **dict.fromkeys(("archive/*.py", "ports/originals.py", "ports/__init__.py"), ("entry id", "flavor")),
    # The id of an entry is the id of its record.
    **dict.fromkeys(("core/paths.py", "videos/controller.py", "videos/view.py"), ("entry id",)),
}
"""Words of the providers' products that the archive shares with its operators, by files of `shared/`."""


def _pattern(term: str) -> str:
    """The expression for a term: in any style of names, over lines of comments, and never inside a longer word."""
    return r"(?<![^\W_])" + r"[\s_#-]*".join(map(re.escape, term.split())) + r"s?(?![^\W_])"


# Names longer than "s3" are recognized inside a longer word, too.
WORDS: Final = re.compile(
    "|".join(name if len(name) > 3 else _pattern(name) for name in (*PROVIDERS, *HOSTS))
    + "|"
    + "|".join(map(_pattern, TERMS)),
    re.IGNORECASE,
)


def provider_words(text: str) -> Iterator[str]:
    """Each provider's word in a text, with the number of its line."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", text)
    for found in WORDS.finditer(apart):
        yield f"line {apart.count(chr(10), 0, found.start()) + 1}: {found[0]}"


def text_of(file: Path) -> str:
    """The path and the content of a file of `shared/`. Escapes are blanks, so that no letter of theirs joins a word."""
    return re.sub(r"\\[a-z]", " ", f"{file.relative_to(SHARED)} {file.read_text()}")


def uses(file: Path, name: str) -> bool:
    return re.search(rf"\b{name}\b", text_of(file)) is not None


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(SHARED)))
def test_domain_has_no_words_of_providers(file: Path) -> None:
    text = text_of(file)
    for allowed in ALLOWED:
        if any(file.match(f"shared/{pattern}") for pattern in allowed.files):
            text = re.sub(rf"\b{allowed.name}\b", "", text)

    terms = {term for pattern, terms in ALLOWED_TERMS.items() if file.match(f"shared/{pattern}") for term in terms}
    found = [word for word in provider_words(text) if not any(re.search(_pattern(term), word, re.I) for term in terms)]
    assert found == [], 'Say "the provider", or add the name to ALLOWED with its reason.'


@pytest.mark.parametrize(
    ("allowed", "pattern"), [(allowed, pattern) for allowed in ALLOWED for pattern in allowed.files]
)
def test_every_allowed_name_is_used(allowed: Allowed, pattern: str) -> None:
    assert any(uses(file, allowed.name) for file in SHARED.glob(pattern)), "Remove it from ALLOWED."


@pytest.mark.parametrize(
    "text",
    [
        *PROVIDERS,
        *HOSTS,
        *("KalturaEvent", "is_at_cloudflare", "bunnycdn", "S3Host", "S3_SECRET", "an S3-like host"),
        *("playerKs", "KS_LIFETIME", "KSGrant", "?ks=", "entryIds", "an entry id", "uiconf"),
        *("PLAY_MANIFEST_URL", "a virtual\n    event", "# a live\n    # input", "partnerId", "the tus protocol"),
    ],
)
def test_finds_words_of_providers(text: str) -> None:
    (found,) = provider_words(f"first line\n{text}")

    assert found.startswith("line 2: ")


@pytest.mark.parametrize(
    "text",
    ["tasks", "status", "lookups", "links", "entry.ids", "Play manifestUrl.", "partnership", "is3", "s3000", "k s"],
)
def test_takes_no_other_word_for_one(text: str) -> None:
    assert list(provider_words(text)) == []


LAYERS: Final = "inside shared, nobody looks up"
DOMAIN_CONTRACT: Final = "the domain knows the standard library and shared, and no provider, cloud or library"

FORBIDDEN: Final[Mapping[str, Sequence[tuple[str, str]]]] = {
    "functions stand above shared, and nothing deployed knows the operator's command or the tests": [
        ("shared.app", "functions.work"),
        ("shared.app", "cli.main"),
        ("functions.wiring", "cli.main"),
        ("cli.main", "emulator_tests.memory.clock"),
        ("shared.core.text", "emulator_tests.memory.clock"),
        ("functions.wiring", "emulator_tests.memory.clock"),
    ],
    "the converter stands alone": [
        ("convert.pages", "shared.core.text"),
        ("convert.pages", "functions.config"),
        ("convert.pages", "cli.main"),
        ("convert.pages", "emulator_tests.memory.clock"),
    ],
    "nothing deployed as a function knows the converter": [
        ("shared.core.text", "convert.limits"),
        ("functions.work", "convert.limits"),
    ],
    "nothing deployed knows the libraries of the operator's command": [
        (module, library)
        for module in ("convert.pages", "functions.work", "shared.core.text")
        for library in ("click", "dotenv", "rich")
    ],
    LAYERS: [
        ("shared.core.text", "shared.ports.clock"),
        ("shared.ports.clock", "shared.limits.buckets"),
        ("shared.limits.buckets", "shared.providers.wire"),
        ("shared.limits.buckets", "shared.cloud.tasks"),
        ("shared.cloud.tasks", "shared.providers.wire"),
        ("shared.providers.wire", "shared.cloud.tasks"),
        ("shared.providers.wire", "shared.reconcile.model"),
        ("shared.cloud.tasks", "shared.reconcile.model"),
        ("shared.reconcile.model", "shared.deletions.model"),
        ("shared.deletions.decide", "shared.sessions.model"),
        ("shared.sessions.decide", "shared.hosts.model"),
        ("shared.hosts.decide", "shared.videos.model"),
        ("shared.videos.decide", "shared.transfers.model"),
        ("shared.transfers.decide", "shared.erasure.model"),
        ("shared.erasure.decide", "shared.operations.sweep"),
        ("shared.operations.sweep", "shared.registry"),
        ("shared.registry", "shared.app"),
    ],
    DOMAIN_CONTRACT: [
        *((f"shared.{part}", "shared.cloud.tasks") for part in DOMAIN),
        *((f"shared.{part}", "shared.providers.registry") for part in DOMAIN),
        *(
            ("shared.core.text", library)
            for library in (
                *("KalturaClient", "Crypto", "botocore", "cloudflare", "cryptography", "firebase_admin"),
                *("firebase_functions", "functions_framework", "google", "grpc", "httpx", "jwt", "lxml", "requests"),
            )
        ),
    ],
    "adapters know the ports, not the domain that uses them": [
        (adapter, f"shared.{part}")
        for adapter in ("shared.cloud.tasks", "shared.providers.wire")
        for part in DOMAIN
        if part not in ("core", "limits", "ports")
    ],
    "providers and cloud do not know each other": [
        ("shared.cloud.tasks", "shared.providers.wire"),
        ("shared.providers.wire", "shared.cloud.tasks"),
    ],
    "only wiring names a concrete adapter": [
        ("functions.work", "shared.cloud.tasks"),
        ("functions.uploads", "shared.providers.kaltura.client"),
        ("cli.main", "shared.cloud.tasks"),
        ("functions.edge.answers", "shared.providers.registry"),
    ],
    "simulators and the test bed import nothing of ours": [
        (module, ours)
        for module in ("emulator_tests.simulators.kaltura.urls", "emulator_tests.testbed.stack")
        for ours in ("shared.core.text", "functions.config", "cli.main")
    ],
}
"""Imports that break each contract of pyproject.toml."""

CHECKS: Final[Mapping[str, Callable[[str, dict[str, Any], dict[str, Any]], Contract]]] = {
    "layers": LayersContract,
    "forbidden": ForbiddenContract,
    "independence": IndependenceContract,
}

CONFIGURATION: Final[dict[str, Any]] = api.read_configuration(str(ROOT / "pyproject.toml"))
SESSION: Final[dict[str, Any]] = CONFIGURATION["session_options"]
CONTRACTS: Final[dict[str, dict[str, Any]]] = {one["name"]: one for one in CONFIGURATION["contracts_options"]}


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    """The imports of the code as it is."""
    return grimp.build_graph(*SESSION["root_packages"], include_external_packages=True, cache_dir=None)


def is_kept(name: str, graph: grimp.ImportGraph) -> bool:
    """Tell whether import-linter finds that the code keeps a contract."""
    options = CONTRACTS[name]
    contract = CHECKS[options["type"]](name, SESSION, options)
    # A check removes from the graph what the contract ignores.
    return contract.check(deepcopy(graph), verbose=False).kept


def test_every_contract_is_broken_here() -> None:
    assert set(FORBIDDEN) == set(CONTRACTS)


@pytest.mark.parametrize("name", CONTRACTS)
def test_code_keeps_contract(name: str, graph: grimp.ImportGraph) -> None:
    assert is_kept(name, graph)


@pytest.mark.parametrize(
    ("name", "importer", "imported"),
    [pytest.param(name, *one, id=" -> ".join(one) + f" ({name})") for name in FORBIDDEN for one in FORBIDDEN[name]],
)
def test_contract_is_broken_by(name: str, importer: str, imported: str, graph: grimp.ImportGraph) -> None:
    broken = deepcopy(graph)
    assert importer in broken.modules
    assert imported in broken.modules or "." not in imported
    broken.add_import(importer=importer, imported=imported)

    assert not is_kept(name, broken)


def test_new_part_of_shared_breaks_layers(graph: grimp.ImportGraph) -> None:
    larger = deepcopy(graph)
    larger.add_module("shared.lamps")

    assert not is_kept(LAYERS, larger)


def test_contract_of_domain_names_all_of_it() -> None:
    assert sorted(CONTRACTS[DOMAIN_CONTRACT]["source_modules"]) == [f"shared.{part}" for part in DOMAIN]


@pytest.mark.parametrize("part", DOMAIN)
def test_domain_imports_only_standard_library_and_shared(part: str, graph: grimp.ImportGraph) -> None:
    imported = {
        module.split(".")[0]
        for importer in {f"shared.{part}", *graph.find_descendants(f"shared.{part}")}
        for module in graph.find_modules_directly_imported_by(importer)
    }

    assert imported - sys.stdlib_module_names == {"shared"}
