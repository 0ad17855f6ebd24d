"""What a Kaltura account holds, and what it does by itself: tables and their journal, sessions, entries, processing."""
