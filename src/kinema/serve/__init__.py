"""`kinema serve`: a trained run behind HTTP and a page, for files that nobody vouches for."""
