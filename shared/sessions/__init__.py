"""Sessions that owners publish, and the live event that each has at its provider, `kalturaSession/{sessionId}`."""
