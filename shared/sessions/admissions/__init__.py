"""What people were given in sessions, `admissions/{sessionId}_{uid}`, so that it can be ended."""
