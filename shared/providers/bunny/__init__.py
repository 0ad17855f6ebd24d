"""Bunny Stream as a host: Bunny fetches the copies by itself, and players use tokens that are signed here.

`settings` declares the fields of its row and opens it. Nothing here imports httpx before the first call.
"""
