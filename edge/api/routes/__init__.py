"""What each role may ask, path by path, one module a subject; `tables` puts them together.

A handler reads the request, calls the service on a worker, and answers: `desk` has what all of them need.
"""
