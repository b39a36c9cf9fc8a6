"""Readers of untrusted files: data of limited size and depth, or an error.

Nothing here runs, imports or follows what a file names. Each reader bounds memory and time before
it expands anything; which values a file may hold is checked by its own reader.
"""
