"""Tests of the converter: the real program, the real tools, the real sandbox."""
