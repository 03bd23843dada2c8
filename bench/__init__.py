"""Benchmarks: run by hand with `make bench`, printed as ratios beside their targets; no test asserts a speed."""
