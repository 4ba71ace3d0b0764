"""The pages of the docs site that are made from the kit itself: the course, and the reference."""
