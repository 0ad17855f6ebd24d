"""A Cloudflare Stream of our own: the API, uploads by TUS and by form, playback with signed tokens, webhooks.

Source of what it does: cloudflare/cloudflare-docs, src/content/docs/stream, and the types of Cloudflare's SDKs. Run as
`python -m emulator_tests.simulators.cloudflare`; imports nothing of ours, and is judged by the vendors' own clients.
"""
