"""Budgets: how often something may be done, by one caller or by all instances together."""
