"""A stand-in for FastFlowTransform, so that its projects' Python files run unchanged under fftcas.

Where the real package is installed into the same environment, whichever was installed last wins: fftcas itself never
imports this package, and projects written for it need no more than the names that both have.
"""

from fastflowtransform.decorators import dq_test, engine_model, model

__all__ = ["dq_test", "engine_model", "model"]
