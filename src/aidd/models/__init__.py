"""The codec and the token model."""
