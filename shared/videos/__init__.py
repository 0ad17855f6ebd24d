"""Videos of sessions, `videos/{videoId}`: uploads, processing, playback and deletion."""
