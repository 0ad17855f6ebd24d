"""Tests of `deploy/`, what is around `firebase deploy`. They need no stack, no cloud and no network."""
