"""MLflow, a mirror of the files of runs. No other package imports it.

live     what training calls: it hands each log step to a process beside it and never waits
writer   that process; it also completes a run after evaluation
mirror   the store completed or rebuilt from the files
content  what of a run's files goes into MLflow: tags, parameters, metrics, datasets, curves
models   a run's weights as an MLflow model
page     the page that `make ui` opens: the saved view and the server
store    MLflow's client
"""
