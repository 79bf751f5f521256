"""FFT's hooks: their files can be imported, and nothing calls them."""
