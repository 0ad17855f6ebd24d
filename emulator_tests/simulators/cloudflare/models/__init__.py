"""What a Cloudflare Stream account holds, and what it does by itself: videos, their processing, webhooks."""
