"""Where things are: motion, brain, arteries."""
