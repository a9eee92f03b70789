"""How good a model is: metrics with their definitions, and bootstrap intervals."""
