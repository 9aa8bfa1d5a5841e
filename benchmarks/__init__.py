"""Benchmarks that compare two programs in one run and print a table; they assert nothing."""
