"""Helpers of FFT's custom data tests."""
