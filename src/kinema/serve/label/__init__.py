"""`kinema label`: a page on which segments of long videos are marked."""
