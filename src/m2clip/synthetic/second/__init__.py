"""The second edition of the synthetic world: things in places, that move in their own manner.

No verb is told by a sign drawn beside a thing. What a still picture tells of it is where the thing stands
(on the ground, in the air, on a rope), how it leans, and how it is blurred.
"""
