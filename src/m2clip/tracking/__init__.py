"""MLflow, a mirror of the files (DESIGN, decisions 3 and 4); only `store` imports it, when first used.

`live` writes a run while it trains, `mirror` completes or rebuilds the store from the files. They stand
apart so that a change of the mirror makes no training stale.
"""
