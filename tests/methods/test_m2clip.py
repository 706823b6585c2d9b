"""M2-CLIP: what test_every_method.py has to know of it. Its parts are tested in test_adapters, test_heads."""

MICROBATCH = {"decoder": {"heads": ["cmc", "cmlm", "vc"]}}  # contrastive compares the videos of a microbatch
