"""The alphabet of axes, used by every einops pattern and docstring of this repository.

B  videos of a batch           T  frames of a view
L  tokens of a frame or text   M  patch tokens of a frame, L = 1 + M
D  width of a tower            R  bottleneck of an adapter
C  classes                     E  dimension of the joint video-text space
N  texts                       V  words that the masked language head may predict
K  views of a video            H W  height and width, of a frame or (h w) of the patch grid
"""
