"""Every figure is a module of this folder; all_figures.py finds, draws and traces them."""
