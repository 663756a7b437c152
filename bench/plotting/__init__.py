"""Plots and tables from a result file of bench/run. Standard library only."""
