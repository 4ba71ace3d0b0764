"""`{{.Service.Name}}` and its like: what a task's spec may leave open until the task has a node."""

from swarmkit_py.template.expand import Payload, expand_container, template_context
from swarmkit_py.template.language import expand

__all__ = ["Payload", "expand", "expand_container", "template_context"]
