"""Tests without network, in milliseconds: one file per room, and the model of races."""
