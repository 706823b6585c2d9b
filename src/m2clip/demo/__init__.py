"""The page of `m2clip demo`: what a model sees in a video, what it draws of it, and the page around that."""
