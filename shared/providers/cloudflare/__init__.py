"""Cloudflare Stream behind the ports of videos.

`settings` declares what an operator sets, and `factory` builds the ports from it. `signing` signs and seals, `client`
makes HTTP calls, `mapping` translates terms, `account` lists; `media`, `inventory`, `webhooks` and `setup` fill the
ports. There are no live events here. Nothing is imported here, so that reading the settings stays cheap.
"""
