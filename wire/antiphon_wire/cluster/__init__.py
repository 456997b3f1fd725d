"""Reading from a Kubernetes cluster: a connection, objects kept by watching, and route tables put together from them.

Nothing is imported here: the client package takes most of a second to import, and a relay has packets to serve first.
"""
