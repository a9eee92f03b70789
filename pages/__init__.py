"""A file a page; `dashboard/app.py` runs the one that the URL names."""
