"""Kubernetes objects as JSON become the values of observed.py here, and nowhere else. Pure."""
