"""FFT's API for models."""
