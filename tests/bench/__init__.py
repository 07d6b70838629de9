"""Measures of speed, as ratios against something plain on the same machine; `make bench` runs them."""
