"""Tests of the manifest: what it means, what it refuses, and how it is written."""
