"""Recomputing everything derived from the rows, with SQL of its own, to show that nothing has drifted."""
