"""``budwood batch run``: ordinary calls for the requests of a file, whose results are kept when it is interrupted."""
