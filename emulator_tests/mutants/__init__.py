"""Tests of the tests: each small change of a pure decision has to make one of its tests fail."""
