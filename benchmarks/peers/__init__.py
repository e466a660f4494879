"""Other servers for the same classifier, each in an environment of its own, all with the product's torch."""
