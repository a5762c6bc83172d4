"""The gate's checks, each a question about a candidate with its number, its limit and its reason."""
