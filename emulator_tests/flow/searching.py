"""A search of everything that there is: all documents, all things at providers and hosts, and those whom they know.

Used by the stories of erasure. Leaves to them for what is searched.
"""

from __future__ import annotations

import json
from typing import Any, Final

import botocore.session
from botocore.config import Config

from emulator_tests.flow.school import DEADLINE_S, School
from emulator_tests.testbed import Testbed

LISTED: Final[dict[str, dict[str, str]]] = {
    "user": {},
    "baseentry": {"filter[statusIn]": "-2,-1,0,1,2,4,5,6,7"},
    "uploadtoken": {},
    "schedule_scheduleevent": {},
    "schedule_scheduleresource": {},
    "virtualevent_virtualevent": {},
    "group_group": {},
}
"""What an administrator lists at Kaltura, with every field."""


def naming(school: School, *names: str) -> list[str]:
    """
    Return where something stands that has one of these names in it, whatever its case.
    """
    wanted = [name.lower() for name in names]
    return sorted(where for where, text in _everything(school).items() if any(one in text for one in wanted))


def stored_keys(testbed: Testbed) -> list[str]:
    """
    Return the keys of everything in one's own store, unfinished uploads too.
    """
    client = botocore.session.Session().create_client(
        "s3",
        region_name="us-east-1",
        endpoint_url=testbed.s3_url,
        aws_access_key_id=testbed.s3_access_key,
        aws_secret_access_key=testbed.s3_secret_key,
        config=Config(s3={"addressing_style": "path"}, proxies={}),
    )
    try:
        objects = client.list_objects_v2(Bucket=testbed.s3_bucket).get("Contents", [])
        uploads = client.list_multipart_uploads(Bucket=testbed.s3_bucket).get("Uploads", [])
    finally:
        client.close()
    return [one["Key"] for one in (*objects, *uploads)]


def _everything(school: School) -> dict[str, str]:
    found = {f"document {path}": f"{path} {fields!r}" for path, fields in school.every_document().items()}
    for name, things in (
        ("kaltura", school.simulator("GET", "things")),
        ("cloudflare", school.cloudflare("GET", "things")),
        ("bunny", school.bunny("GET", "things")),
    ):
        for kind, all_of_kind in things.items():
            for number, thing in enumerate(all_of_kind or ()):
                found[f"{name} {kind} {number}"] = json.dumps(thing, ensure_ascii=False)
    for service, asked in LISTED.items():
        for thing in _listed(school, service, asked):
            found[f"kaltura {service} {thing.get('id')}"] = json.dumps(thing, ensure_ascii=False)
    found["store"] = " ".join(stored_keys(school.testbed))
    return {where: text.lower() for where, text in found.items()}


def _listed(school: School, service: str, asked: dict[str, str]) -> list[dict[str, Any]]:
    """
    Return everything that an administrator of the account lists of a service.
    """
    ks = school.administrator().getKs()
    url = f"{school.testbed.kaltura_url}/api_v3/service/{service}/action/list"
    fields = {"ks": ks, "format": "1", "pager[pageSize]": "500", **asked}
    answer = school.http.post(url, fields, timeout=DEADLINE_S).json()
    assert "objects" in answer, answer
    things: list[dict[str, Any]] = answer["objects"]
    return things
