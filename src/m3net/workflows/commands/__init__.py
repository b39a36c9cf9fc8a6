"""Commands that train nothing: data sets, evaluations, comparisons and sweeps."""
