"""Files that somebody else may have made, read as data of limited size and depth.

Nothing here runs, imports or follows what a file names. Each reader bounds memory and time before
it expands anything; what a file may hold is for its own reader to say.
"""
