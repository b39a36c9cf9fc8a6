"""Files of embeddings, whatever model made them, to vectors of the images that take part."""
