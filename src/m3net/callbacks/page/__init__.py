"""From an evaluation to the values of its page.

`run_files` and `comparable` read the run and others beside it; `heading`, `galleries`, `attention`,
`confusion` and `planes` each collect one part of the page; `maker` puts them together and writes.
"""
