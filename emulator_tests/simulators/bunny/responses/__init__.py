"""The answers of Bunny Stream: the videos of the API, and playback."""
