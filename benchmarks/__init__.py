"""Benchmarks: every figure beside the physical limit measured in the same run. See docs/performance.md.

`python -m benchmarks` (or `make bench`) runs all of them on 300,000 units and 12 months, `--quick` on a tenth. Data
and results lie in `bench/` of the instance folder; databases are made once and copied for each run that writes.
"""
