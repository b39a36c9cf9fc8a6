"""A test as one HTML file that opens anywhere: values come in, text goes out.

`values` says what a page shows, `pictures` makes photos part of the text, `curves` turns numbers
into lines and `tables` into tables; `rendering` fills the templates, beside which stand the page's
own style and script.
"""
