"""Systems on one data set under one budget: from a config to runs, from runs to scores."""
