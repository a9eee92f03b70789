"""What the model saw in one record: `explain` makes an Explanation, which figures and pages draw."""

from imle.explain.explanation import Explanation, explain

__all__ = ["Explanation", "explain"]
