"""Operations across all resources: triggers, webhooks, the sweep, orphans, the kill switch."""
