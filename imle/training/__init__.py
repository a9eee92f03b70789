"""Training: a recipe (what), batches (from which records, how augmented), a loop (how it runs, stops and resumes)."""
