"""fftcas builds SQL and Python data models the way Nix and Bazel build software."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from fftcas.declare import engine_model, env, model, var

__all__ = ["engine_model", "env", "model", "var"]


def __getattr__(name: str) -> object:
    """The public names, imported at their first use: the command line starts without them."""
    if name not in __all__:
        raise AttributeError(f"module 'fftcas' has no attribute '{name}'")
    from fftcas import declare

    return getattr(declare, name)
