"""The checks of `doctor --cloud`: what a deployment needs at Google, asked with the operator's own credentials.

`api.py` asks, `plan.py` says what is expected, `check.py` runs the checks. Each file of `checks/` has the checks of one
subject and is found by itself, so that a further check edits one file. Nothing here changes anything.
"""

from typing import Final

NO_CREDENTIALS: Final = "There are no credentials for Google. Run `gcloud auth application-default login`."
CREDENTIALS_REFUSED: Final = "Google did not accept your credentials. Run `gcloud auth application-default login`."
"""The sentence that an operator sees instead of the text of an error, which may contain a token."""
