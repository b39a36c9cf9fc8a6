"""A test as one HTML file that opens anywhere.

Each section of the page is a template, beside it the module that collects what it shows.
"""
