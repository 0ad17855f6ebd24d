"""The state and behaviour of a Cloudflare Stream account: videos, their processing, webhooks."""
