"""`make fuzz`: readers are given files that were broken by chance."""
