"""What looks after all resources at once: triggers, webhooks, the sweep, orphans, the kill switch."""
