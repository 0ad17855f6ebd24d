"""The answers of Kaltura's API: reading a request, judging its session, running its action, writing the result."""
