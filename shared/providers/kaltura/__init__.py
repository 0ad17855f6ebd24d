"""Kaltura as a provider: its keys, its wire, its words, and the ports it fills."""
