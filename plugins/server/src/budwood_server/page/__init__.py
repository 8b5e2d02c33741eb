"""
The admin page: HTML that the server makes, under ``/admin``.

The first request of the page imports it, so that a server whose page is not used needs no memory for it.
"""
