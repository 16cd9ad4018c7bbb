"""What is damaged, and how: protocols, geometries, recordings, items."""
