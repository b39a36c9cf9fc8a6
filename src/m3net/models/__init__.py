"""The networks: images to representations, probabilities and attention."""
