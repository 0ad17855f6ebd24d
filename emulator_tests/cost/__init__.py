"""Counting of what this software costs at Google, and the page that says so: docs/cost.md."""
