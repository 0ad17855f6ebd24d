"""The test bed itself under test: its queues behave like the cloud's, and it leaves nothing behind."""
