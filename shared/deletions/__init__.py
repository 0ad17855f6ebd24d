"""Things at a provider that are still to be deleted, `pendingDeletions/{deletionId}`."""
