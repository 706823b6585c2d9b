"""The tables: declared, made of columns, the paper's lines beside ours, and written in three formats."""
