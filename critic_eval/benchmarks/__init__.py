"""Judge benchmarks: rows of their data sets as items and labels, and what every task shares."""
