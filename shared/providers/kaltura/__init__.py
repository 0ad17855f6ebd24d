"""Kaltura behind the domain's ports.

`settings` declares what an operator sets, and `factory` builds the ports from it. `signing` signs, `client` makes HTTP
calls, `mapping` translates terms, `account` remembers what `made` creates once; `events`, `audience`, `media`,
`playback`, `inventory`, `webhooks` and `setup` fill the ports. Nothing is imported here, so that reading the settings
stays cheap.
"""
