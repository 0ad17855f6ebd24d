"""The chat server: Prosody with the modules in deploy/prosody.

`settings.py` is what a deployment sets, `chat.py` fills the port, `client.py` keeps the connection, and
`addresses.py` makes our ids into addresses there.
"""
