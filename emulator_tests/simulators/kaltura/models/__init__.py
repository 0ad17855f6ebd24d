"""The state and behaviour of a Kaltura account: tables and their journal, sessions, entries, processing."""
