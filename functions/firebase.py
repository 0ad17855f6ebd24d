"""Create Firebase's default app, by which ID tokens are verified and triggers know their project.

Called by `main.py`. The app is created on import, because a module is executed once in a process, whichever threads ask
for it. `main.py` is not: firebase-tools lists the functions through a server that executes it with each request, and a
second app of the same name is an error.

Source: `get_functions` of firebase_functions/private/serving.py; `detectFromPort` of firebase-tools, which asks again
after a connection broke.
"""

from __future__ import annotations

from typing import Final

import firebase_admin

APP: Final = firebase_admin.initialize_app()
