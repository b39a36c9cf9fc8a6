"""Commands that train nothing: data sets, evaluations, comparisons and sweeps."""

from jsonargparse import set_parsing_settings

# Help explains the fields of a dataclass by the docstrings under them.
set_parsing_settings(docstring_parse_attribute_docstrings=True)
