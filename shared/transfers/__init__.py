"""Transfers of a session to another owner, `transfers/{sessionId}`."""
