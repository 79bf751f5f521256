"""DuckDB, the embedded engine: 1.4 and later."""
