"""The peer of cold starts: a callable that imports and creates at once everything that a back end like this one
uses."""

from __future__ import annotations

from typing import Any

import firebase_admin
from firebase_admin import auth, firestore
from firebase_functions import firestore_fn, https_fn, options, scheduler_fn, tasks_fn
from google.auth.credentials import AnonymousCredentials
from google.cloud import firestore as documents
from google.cloud import tasks_v2
from google.cloud.storage import Client as Files
from KalturaClient import KalturaClient, KalturaConfiguration

firebase_admin.initialize_app()
NOBODY = AnonymousCredentials()  # type: ignore[no-untyped-call]
DOCUMENTS = documents.Client(project="demo-greenroom", credentials=NOBODY)
QUEUE = tasks_v2.CloudTasksClient(credentials=NOBODY)
FILES = Files(project="demo-greenroom", credentials=NOBODY)
KALTURA = KalturaClient(KalturaConfiguration())
MODULES = (auth, firestore, firestore_fn, scheduler_fn, tasks_fn)


@https_fn.on_call(cors=options.CorsOptions(cors_origins="*", cors_methods=["POST"]))
def answer(request: https_fn.CallableRequest[Any]) -> str:  # noqa: ARG001 - a callable takes one
    """
    Return a constant.
    """
    return "hello"
