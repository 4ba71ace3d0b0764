"""The kit's offline images: recipes, and the builder that makes them from the distribution's own packages."""
