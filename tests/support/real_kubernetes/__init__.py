"""A real Kubernetes for the tests: control plane, simulated pods, and real nodes in namespaces of their own."""
