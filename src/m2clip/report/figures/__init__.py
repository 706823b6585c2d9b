"""The figures, one module each; `drawing` makes those that a table asks for."""
