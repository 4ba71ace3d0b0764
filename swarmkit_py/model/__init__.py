"""The nouns: what users ask for (specs), what the cluster holds (objects), the task's states, and the values
that go down to a node (assignment). Pure data; imports nothing but names."""
